"""Full names that parameters may be given, and parameters that are kept as they are."""

import pytest

from backproof.errors import ModelError
from backproof.graph import Builder, Graph, Shape
from backproof.ops import MSE, BatchNorm, Linear, ReLU


def small():
    net = Builder(Shape("N", 3))
    h = net("fc1", Linear(4), net.x, names={"weight": "onnx::MatMul_17"})
    h = net("bn", BatchNorm(), h)
    return net.graph(net("fc2", Linear(2), net("relu", ReLU(), h)))


def test_parameters_have_the_names_that_they_are_given():
    graph = small()
    assert list(graph.parameters)[:2] == ["onnx::MatMul_17", "fc1.bias"]
    assert Graph.from_json(graph.to_json()) == graph


def test_names_are_written_only_where_there_are_some():
    net = Builder(Shape("N", 3))
    graph = net.graph(net("fc1", Linear(4), net.x))
    assert "names" not in graph.to_json()
    assert "frozen" not in graph.to_json()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"wait": "a"}, "unknown parameter of Linear 'wait'"),
        ({"weight": "fc1.bias"}, "two parameters are called 'fc1.bias'"),
    ],
)
def test_refuses_names_that_cannot_be(names, message):
    net = Builder(Shape("N", 3))
    with pytest.raises(ModelError, match=message):
        net.graph(net("fc1", Linear(4), net.x, names=names))


def test_frozen_parameters_are_not_trained_and_are_no_statistics():
    graph = small()
    frozen = graph.frozen_by(["onnx::*", "bn.*"])
    trained = [name for name, spec in frozen.parameters.items() if spec.trainable]
    assert trained == ["fc1.bias", "fc2.weight", "fc2.bias"]
    assert frozen.statistics == graph.statistics == {"bn.running_mean", "bn.running_var"}
    assert Graph.from_json(frozen.to_json()) == frozen
    assert frozen.hash != graph.hash


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(ModelError, match=r"no trainable parameter is called .fc3\.\*.; there are such as fc"):
        small().frozen_by(["fc3.*"])


def test_frozen_parameters_stay_when_a_loss_is_added_or_taken_away():
    frozen = small().frozen_by(["fc2.*"])
    assert not frozen.with_loss(MSE()).without_loss().parameters["fc2.weight"].trainable
