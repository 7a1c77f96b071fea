"""What is special to the engine that ONNX Runtime computes. Operations are checked with those of all engines."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.errors import UserError
from backproof.graph import Sequential, Shape, initial_parameters
from backproof.models import build
from backproof.ops import MSE, BatchNorm, Dropout, Linear, ReLU, SoftmaxCrossEntropy
from backproof.verify import check_model

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

GRAPH = Sequential(("fc", Linear(3)), ("bn", BatchNorm()), ("act", ReLU())).build(Shape("N", 4))
X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


@pytest.fixture
def engine():
    return get_engine("onnxruntime")


def test_any_node_is_given_if_wanted(engine):
    weights = initial_parameters(GRAPH)
    predictor, other = engine.compile(GRAPH, weights), get_engine("numpy").compile(GRAPH, weights)
    for want in ((), ("fc",), ("act", "bn", "fc"), ("fc", "bn")):
        found, expected = predictor.forward({"x": X}, want=want), other.forward({"x": X}, want=want)
        assert found.keys() == expected.keys()
        for name in found:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-6, err_msg=name)
    with pytest.raises(UserError, match="unknown layer 'bnn'; did you mean bn"):
        predictor.forward({"x": X}, want=["bnn"])


def test_weights_can_be_set_again(engine):
    predictor = engine.compile(GRAPH, initial_parameters(GRAPH))
    others = initial_parameters(GRAPH, seed=1)
    predictor.load(others)
    again = predictor.parameters()
    assert again.keys() == others.keys()
    expected = get_engine("numpy").compile(GRAPH, others).forward({"x": X})["act"]
    np.testing.assert_allclose(predictor.forward({"x": X})["act"], expected, atol=1e-6)
    again["fc.weight"][...] = 7
    assert not np.any(predictor.parameters()["fc.weight"] == 7), "copies"
    with pytest.raises(UserError, match=r"parameter 'fc\.weight' .* is missing"):
        predictor.load({})


def test_it_predicts_and_says_so(engine):
    weights = initial_parameters(GRAPH)
    predictor = engine.compile(GRAPH, weights)
    with pytest.raises(UserError, match=r"engine 'onnxruntime' predicts alone, and node 'bn' \(BatchNorm\)"):
        predictor.forward({"x": X}, Mode(training=True))
    dropped = Sequential(("drop", Dropout(0.5))).build(Shape("N", 4))
    with pytest.raises(UserError, match=r"node 'drop' \(Dropout\)"):
        engine.compile(dropped, {}).forward({"x": X}, Mode(training=True))
    plain = Sequential(("act", ReLU())).build(Shape("N", 4))
    np.testing.assert_array_equal(engine.compile(plain, {}).forward({"x": X}, Mode(training=True))["act"], X.clip(0))
    assert not engine.capabilities.trains


def test_what_it_has_not(engine):
    weights = initial_parameters(GRAPH)
    with pytest.raises(UserError, match="engine 'onnxruntime' has no device 'cuda:77'; there is: cpu"):
        engine.compile(GRAPH, weights, device="cuda:77")
    with pytest.raises(UserError, match="engine 'onnxruntime' computes in float32, not in float64"):
        engine.compile(GRAPH, weights, dtype="float64")


def test_threads(engine):
    engine.set_threads(1)
    try:
        assert engine.info().details["threads"] == 1
        predictor = engine.compile(GRAPH, initial_parameters(GRAPH))
        assert predictor.forward({"x": X})["act"].shape == (5, 3)
    finally:
        engine.set_threads(0)
    assert engine.info().details["threads"] >= 1


def test_the_loss_is_said_where_targets_are_given(engine):
    graph = GRAPH.with_loss(MSE())
    weights = initial_parameters(graph)
    inputs = {"x": X, "y": np.ones((5, 3), np.float32)}
    found = engine.compile(graph, weights).forward(inputs)
    assert found.keys() == {"act", "loss"}
    expected = get_engine("numpy").compile(graph, weights).forward(inputs)["loss"]
    assert found["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_labels_are_classes(engine):
    graph = GRAPH.with_loss(SoftmaxCrossEntropy())
    predictor = engine.compile(graph, initial_parameters(graph))
    with pytest.raises(UserError, match=r"node 'loss': labels lie in 0\.\.2, but some are 3"):
        predictor.forward({"x": X, "y": np.array([0, 1, 2, 3, 0])})


def test_a_network_agrees_node_by_node(engine):
    graph = build("resnet", Shape("N", 3, 8, 8), 4, {"width": 4, "blocks": (1, 1)}).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((2, 3, 8, 8)), "y": rng.integers(0, 4, 2)}
    report = check_model(graph, initial_parameters(graph), inputs, [get_engine("numpy"), engine])
    assert report.passed, report.failures[:3]
    assert {f.engine for f in report.compared} == {"numpy", "onnxruntime"}
