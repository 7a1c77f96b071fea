import pytest

from backproof.errors import UserError
from backproof.graph import Builder, Sequential, Shape, Value
from backproof.ops import Add, Concat, Flatten, Linear, ReLU, SoftmaxCrossEntropy


def test_sequential_names_by_number_or_as_given():
    graph = Sequential(Flatten(), Linear(5), ("head", Linear(2))).build(Shape("N", 2, 3))
    assert [node.name for node in graph.nodes] == ["0", "1", "head"]
    assert [node.inputs for node in graph.nodes] == [("x",), ("0",), ("1",)]
    assert graph.shapes["head"] == Shape("N", 2)


def test_sequential_in_a_builder_gets_a_prefix():
    net = Builder(Shape("N", 3))
    h = Sequential(Linear(3), ReLU()).add_to(net, net.x, "block")
    graph = net.graph(net("add", Add(), h, net.x))
    assert [node.name for node in graph.nodes] == ["block.0", "block.1", "add"]


def test_a_value_may_be_taken_twice_by_one_node():
    net = Builder(Shape("N", 3))
    graph = net.graph(net("cat", Concat(), net.x, net.x))
    assert graph.node["cat"].inputs == ("x", "x")
    assert graph.shapes["cat"] == Shape("N", 6)


def test_errors_name_the_node_and_both_shapes():
    net = Builder(Shape("N", 8))
    h = net("fc", Linear(4), net.x)
    with pytest.raises(UserError, match=r"node 'add' on \(N, 4\) and \(N, 8\): Add takes two inputs of equal shape"):
        net("add", Add(), h, net.x)
    with pytest.raises(UserError, match="node 'add': Add takes 2 inputs, not 1"):
        net("add", Add(), h)
    with pytest.raises(UserError, match="the name 'fc' stands twice"):
        net("fc", ReLU(), h)
    with pytest.raises(UserError, match="the name 'x' stands twice"):
        net("x", ReLU(), h)
    with pytest.raises(UserError, match="the output 'other' is no node"):
        net.graph(Value("other", Shape("N", 8)))
    with pytest.raises(UserError, match="the output 'other' is no node"):
        net.graph(h, Value("other", Shape("N", 8)))
    with pytest.raises(UserError, match="the output 'fc' stands twice"):
        net.graph(h, h)
    with pytest.raises(UserError, match=r"node '0' on \(N,\): Linear takes an input of shape \(N, ..., features\)"):
        Sequential(Linear(3)).build(Shape("N"))
    with pytest.raises(UserError, match="needs at least one operation"):
        Sequential()
    with pytest.raises(UserError, match="takes logits"):
        Sequential(ReLU()).build(Shape("N")).with_loss(SoftmaxCrossEntropy())
