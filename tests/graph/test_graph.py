import json

import pytest

from backproof.errors import UserError
from backproof.graph import OPERATIONS, Builder, Graph, Sequential, Shape
from backproof.ops import MSE, Add, BatchNorm, Concat, Dropout, Linear, ReLU, Reshape, SoftmaxCrossEntropy, WeightedSum


def branching() -> Graph:
    net = Builder(Shape("N", 4))
    h = net("fc1", Linear(4, initializer="orthogonal"), net.x)
    h = net("bn", BatchNorm(momentum=0.2), h)
    h = net("drop", Dropout(0.3), h)
    h = net("add", Add(), h, net.x)
    h = net("cat", Concat(), h, h, net.x)
    h = net("image", Reshape((3, 2, 2)), h)
    return net.graph(h).with_loss(MSE())


def test_json_round_trip():
    graph = branching()
    again = Graph.from_json(graph.to_json())
    assert again == graph
    assert again.hash == graph.hash
    assert again.node["image"].op == Reshape((3, 2, 2))


def test_hash_is_stable_across_versions_of_the_program():
    graph = Sequential(Linear(3), ReLU()).build(Shape("N", 2)).with_loss(SoftmaxCrossEntropy())
    assert graph.hash == "6f0e2255b4eb6ee1"


def test_hash_tells_networks_apart():
    networks = [
        Sequential(Linear(3)),
        Sequential(Linear(4)),
        Sequential(Linear(3, bias=False)),
        Sequential(("fc", Linear(3))),
        Sequential(Linear(3), ReLU()),
    ]
    assert len({network.build(Shape("N", 2)).hash for network in networks}) == len(networks)


def test_from_json_finds_a_bad_edit():
    content = json.loads(branching().to_json())
    content["nodes"][0]["inputs"] = ["nothing"]
    with pytest.raises(UserError, match="node 'fc1' takes 'nothing', which no earlier node makes"):
        Graph.from_json(json.dumps(content))
    content = json.loads(branching().to_json())
    content["nodes"][0]["op"] = "Linaer"
    with pytest.raises(UserError, match="did you mean Linear"):
        Graph.from_json(json.dumps(content))
    content = json.loads(branching().to_json())
    content["nodes"][0]["attributes"]["colour"] = 1
    with pytest.raises(UserError, match="operation 'Linear' cannot be made from"):
        Graph.from_json(json.dumps(content))
    content = json.loads(branching().to_json())
    content["nodes"][0]["attributes"]["out_features"] = 5
    with pytest.raises(UserError, match=r"node 'add' on .*: Add takes two inputs of equal shape"):
        Graph.from_json(json.dumps(content))


def test_parameters_are_named_by_dotted_paths():
    graph = Sequential(("layer1.0.fc", Linear(3)), ("norm", BatchNorm())).build(Shape("N", 2))
    assert list(graph.parameters) == [
        "layer1.0.fc.weight",
        "layer1.0.fc.bias",
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
    ]
    assert graph.parameters["layer1.0.fc.weight"].shape == (3, 2)
    assert graph.parameter_count == 3 * 2 + 3 + 3 + 3


def test_summary_has_a_line_a_node():
    nodes = Sequential(("a", Linear(3)), ("b", ReLU()), ("c", Linear(2))).build(Shape("N", 4)).summary().splitlines()
    assert [line.split()[0] for line in nodes if line.split()[0] in ("a", "b", "c")] == ["a", "b", "c"]


def test_summary_shows_layers_shapes_and_parameters():
    lines = Sequential(("fc", Linear(300)), ReLU()).build(Shape("N", 784)).summary().splitlines()
    assert lines[0].split() == ["layer", "operation", "output", "shape", "parameters"]
    assert "fc     Linear(300)  (N, 300)         235,500" in lines
    assert lines[-1].split() == ["total", "235,500"]


def test_loss_adds_an_input_for_the_targets():
    plain = Sequential(Linear(3)).build(Shape("N", 2))
    graph = plain.with_loss(SoftmaxCrossEntropy())
    assert graph.inputs[1].name == "y"
    assert graph.inputs[1].kind == "int"
    assert graph.inputs[1].shape == Shape("N")
    assert (graph.output, graph.loss) == ("0", "loss")
    assert plain.loss is None, "the network without a loss stays as it was"
    with pytest.raises(UserError, match="already has the loss 'loss'"):
        graph.with_loss(MSE())


def two_outputs() -> Graph:
    net = Builder(Shape("N", 4))
    h = net("relu", ReLU(), net("fc1", Linear(5), net.x))
    return net.graph(net("main", Linear(3), h), net("side", Linear(3), h))


def test_a_loss_on_several_outputs():
    plain = two_outputs()
    assert plain.outputs == ("main", "side")
    assert plain.summary().splitlines()[-1] == "outputs: main, side"
    graph = plain.with_loss(SoftmaxCrossEntropy(), weights=(1, 0.3))
    assert [(n.name, n.inputs) for n in graph.nodes[-3:]] == [
        ("loss.main", ("main", "y")),
        ("loss.side", ("side", "y")),
        ("loss", ("loss.main", "loss.side")),
    ]
    assert graph.node["loss"].op == WeightedSum((1.0, 0.3))
    assert graph.loss_nodes == {"loss", "loss.main", "loss.side"}
    assert [i.name for i in graph.inputs] == ["x", "y"], "one target for all"
    assert Graph.from_json(graph.to_json()) == graph
    assert graph.hash != plain.hash
    with pytest.raises(UserError, match="the outputs main, side; give one weight for each, not 1"):
        plain.with_loss(SoftmaxCrossEntropy(), weights=[1])


def test_auxiliary_outputs_are_written_only_where_there_are_some():
    assert "auxiliary" not in json.loads(branching().to_json())
    content = json.loads(two_outputs().to_json())
    assert content["auxiliary"] == ["side"]
    content["auxiliary"] = ["nothing"]
    with pytest.raises(UserError, match="no node 'nothing', which is to be an output or the loss"):
        Graph.from_json(json.dumps(content))


def test_weights_of_samples_are_a_further_input():
    graph = two_outputs().with_loss(SoftmaxCrossEntropy(sample_weights=True))
    assert [(i.name, i.shape, i.kind) for i in graph.inputs[1:]] == [
        ("y", Shape("N"), "int"),
        ("weight", Shape("N"), "float"),
    ]
    assert graph.node["loss.side"].inputs == ("side", "y", "weight")


def test_nodes_of_the_loss_are_those_that_need_a_target():
    graph = branching()
    assert graph.loss_nodes == {"loss"}
    assert Sequential(Linear(3)).build(Shape("N", 2)).loss_nodes == set()


def test_require_node_offers_near_names():
    with pytest.raises(UserError, match="unknown layer 'fc2'; did you mean fc1"):
        branching().require_node("fc2")


def test_a_graph_is_immutable_and_equal_by_value():
    assert branching() == branching()
    with pytest.raises(AttributeError):
        branching().output = "fc1"


def test_every_operation_is_registered_under_its_class_name():
    assert {"Linear", "BatchNorm", "MSE"} <= set(OPERATIONS)
    assert all(cls.__name__ == name for name, cls in OPERATIONS.items())


def test_what_a_node_depends_on():
    net = Builder(Shape("N", 3))
    a = net("a", Linear(3), net.x)
    net("beside", Linear(3), a)
    graph = net.graph(net("c", Add(), a, net("b", ReLU(), a)))
    assert graph.leading_to("c") == {"a", "b", "c"}
    assert graph.leading_to("a") == {"a"}
