"""A fault in one node is found there, first, and distinguished from the nodes that only propagate it."""

import json
import re
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from faulty import FaultyEngine, Planted

from backproof.engines import Mode, get_engine, installed
from backproof.engines.numpy.fusion import BatchNormReLU
from backproof.errors import UserError
from backproof.graph import Builder, Sequential, Shape, initial_parameters
from backproof.models import build
from backproof.ops import Add, BatchNorm, Dropout, Linear, ReLU, SoftmaxCrossEntropy
from backproof.verify import CheckReport
from backproof.verify.networks.check import check_model
from backproof.verify.networks.report import NETWORK, RoundingError

OTHERS = [name for name in ("torch", "numba") if installed(name)]


def question(name="resnet", shape=(3, 4, 4), **options):
    """A network with weights and a batch of four."""
    small = {"blocks": (1, 1), "width": 2, "stem": "small"} if name == "resnet" else {}
    graph = build(name, Shape("N", *shape), 3, small | options).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((4, *shape)), "y": rng.integers(0, 3, 4)}
    return graph, initial_parameters(graph, 0), inputs


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_engines_agree(dtype):
    engines = [get_engine(name) for name in ("reference", "numpy", *OTHERS)]
    report = check_model(*question(), engines, dtype=dtype)
    assert report.passed, report.failures
    assert report.reference == "reference"
    assert report.first_failure is None
    assert "agree" in report.verdict
    assert set(report.rounding_errors) == set(report.engines) == {engine.name for engine in engines}
    assert 0 < report.rounding_errors["numpy"].values < 20
    assert 0 < report.rounding_errors["reference"].values < 1e-6, "plain loops and whole arrays, both in float64"
    for name in report.engines:
        for way in ("isolated", "cumulative"):
            assert list(report.of(name, way, "forward")) == [node.name for node in report.graph.nodes]


@pytest.mark.parametrize("node", ["layer1.0.conv2", "layer2.0.downsample.1", "layer2.0.add", "fc"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("name", ["numpy", "reference"])
def test_the_error_source_is_named(name, direction, node):
    graph, parameters, inputs = question()
    wrong = FaultyEngine(name, graph, node, direction)
    engines = [wrong, get_engine("torch")] if "torch" in OTHERS else [wrong]
    report = check_model(graph, parameters, inputs, engines, reference=get_engine("numpy"), replay="again")
    first = report.first_failure
    assert first is not None
    assert (first.subject, first.case, first.verdict) == (node, "isolated", "differs")
    assert first.location.direction == direction
    assert first.replay == f"again --node {node}"
    assert [f.subject for f in report.error_sources(name, direction)] == [node]
    assert f"{node}, {graph.node[node].op}, in the {direction} pass" in report.verdict
    other = "backward" if direction == "forward" else "forward"
    assert report.error_sources(name, other) == []
    assert report.role(name, node, direction) == "error source"
    if direction == "forward":
        assert report.role(name, "loss", "forward") == "propagates error"
        assert report.role(name, "conv1", "forward") == "right"
    else:
        assert report.role(name, "conv1", "backward") == "propagates error"
        assert report.propagating(name, "forward") == []
    assert report.pictures[0].finding == first
    assert report.pictures[0].panels[0].values.max() > 0


def test_of_two_faults_the_first_is_named():
    graph, parameters, inputs = question()

    also = ("layer1.0.bn1", "forward", 1.5)

    class Twice(FaultyEngine):
        def compile(self, *args, **kwargs):
            trainer = super().compile(*args, **kwargs)
            trainer.kernels = {**trainer.kernels, BatchNorm: Planted(trainer.kernels[BatchNorm], *also)}
            return trainer

    report = check_model(graph, parameters, inputs, [Twice("numpy", graph, "layer2.0.conv1", "forward")])
    assert [f.subject for f in report.error_sources("numpy", "forward")] == ["layer1.0.bn1", "layer2.0.conv1"]
    assert report.first_failure.subject == "layer1.0.bn1"


def test_a_fault_between_nodes_is_distinguished_from_one_in_a_node():
    """What is only wrong where nodes are computed as one is found on the network as it runs."""
    graph, parameters, inputs = question()
    wrong = FaultyEngine("numpy", graph, "layer1.0.bn1", "backward", kind=BatchNormReLU)
    report = check_model(graph, parameters, inputs, [wrong])
    assert report.error_sources("numpy", "forward") == report.error_sources("numpy", "backward") == []
    assert report.first_failure.subject in ("layer1.0.bn1", "layer1.0.relu1")
    assert not report.worst(NETWORK, "numpy").passed
    assert "every node is right by itself" in report.verdict


def test_a_wrong_reference_is_found_out():
    """On large networks NumPy is the reference; where no engine confirms it, the plain loops decide."""
    graph, parameters, inputs = question()
    node = "layer1.0.conv2"
    wrong = FaultyEngine("numpy", graph, node, "forward")
    report = check_model(graph, parameters, inputs, [get_engine("reference")], reference=wrong, nodes=[node])
    assert report.error_sources("reference", "forward") == []
    assert {f.reference for f in report.of("reference", "isolated", "forward").values()} == {"reference"}


def test_an_engine_that_fails_at_a_node_is_named_with_its_words():
    graph, parameters, inputs = question("mlp", (5,), layers=(4,))

    class Breaks(FaultyEngine):
        def compile(self, graph, *args, **kwargs):
            if "relu1" in graph.node:
                raise ValueError("no such thing")
            return super().compile(graph, *args, **kwargs)

    report = check_model(graph, parameters, inputs, [Breaks("numpy", graph, "fc1", "forward", factor=1.0)])
    assert report.first_failure.subject == "relu1"
    assert report.first_failure.verdict == "failed"
    assert report.first_failure.detail == "ValueError: no such thing"


def test_an_engine_that_fails_in_float32_is_told_so_after_a_check_in_float64():
    graph, parameters, inputs = question("mlp", (5,), layers=(4,))

    class Breaks(FaultyEngine):
        def compile(self, *args, dtype, **kwargs):
            if dtype == "float32":
                raise ValueError("no such thing")
            return super().compile(*args, dtype=dtype, **kwargs)

    report = check_model(graph, parameters, inputs, [Breaks("numpy", graph, "fc1", "forward", factor=1.0)])
    assert [(f.what, f.detail) for f in report.failures] == [("everything in float32", "ValueError: no such thing")]
    assert report.rounding_errors == {}


def test_a_gradient_that_is_given_behind_taps_alone_is_missing():
    graph, parameters, inputs = question("mlp", (5,), layers=(4,))

    class Forgets(FaultyEngine):
        def compile(self, compiled, *args, **kwargs):
            trainer = super().compile(compiled, *args, **kwargs)
            take = trainer.gradients

            def gradients(*args):
                found = take(*args)
                return replace(found, parameters={n: g for n, g in found.parameters.items() if n != "fc1.bias"})

            if compiled is graph:
                trainer.gradients = gradients
            return trainer

    report = check_model(graph, parameters, inputs, [Forgets("numpy", graph, "fc1", "forward", factor=1.0)])
    assert [(f.subject, f.what) for f in report.failures] == [(NETWORK, "gradient of fc1.bias")]
    assert report.failures[0].detail == "numpy gives none"


def test_masks_of_dropout_are_the_network_s_own():
    net = Builder(Shape("N", 4))
    h = net("drop", Dropout(0.5), net("fc1", Linear(6), net.x))
    h = net("sum", Add(), h, h)
    graph = net.graph(net("fc2", Linear(3), net("relu", ReLU(), h))).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((5, 4)), "y": rng.integers(0, 3, 5)}
    engines = [get_engine(name) for name in ("numpy", *OTHERS)]
    report = check_model(graph, initial_parameters(graph), inputs, engines, mode=Mode(True, seed=3, step=7))
    assert report.passed, report.failures


def test_small_gradients_do_not_hide_a_fault():
    """Gradients of 1e-9 all over: what is wrong by half is wrong."""
    graph, parameters, inputs = question("mlp", (5,), layers=(4,))
    parameters = {name: 1e-9 * w if name == "fc2.weight" else w for name, w in parameters.items()}
    report = check_model(graph, parameters, inputs, [FaultyEngine("numpy", graph, "fc1", "backward")])
    assert report.first_failure.subject == "fc1"


def test_the_report_is_json():
    graph, parameters, inputs = question("mlp", (5,), layers=(4,))
    report = check_model(graph, parameters, inputs, [FaultyEngine("numpy", graph, "fc1", "forward")], title="mlp")
    content = json.loads(report.to_json())
    assert content["title"] == "mlp"
    assert not content["passed"]
    assert content["first_failure"]["subject"] == "fc1"
    assert content["reference"] == "reference"
    assert CheckReport.from_json(report.to_json()).findings == report.findings


def test_a_report_on_an_engine_that_gives_nan_is_json_too():
    graph, parameters, inputs = question("mlp", (5,), layers=(4,))
    report = check_model(graph, parameters, inputs, [get_engine("numpy")])
    report = replace(report, rounding_errors={"numpy": RoundingError(nan, inf)})
    assert json.loads(report.to_json())["float32_ulp"] == {"numpy": {"values": "NaN", "gradients": "Infinity"}}


def test_bad_questions_are_refused():
    graph, parameters, inputs = question("mlp", (5,), layers=(4,))
    with pytest.raises(UserError, match="fc1"):
        check_model(graph, parameters, inputs, [get_engine("numpy")], nodes=["fc"])
    with pytest.raises(UserError, match="one engine or more"):
        check_model(graph, parameters, inputs, [])
    with pytest.raises(UserError, match="with its loss"):
        check_model(build("mlp", Shape("N", 5), 3, {}), parameters, inputs, [get_engine("numpy")])


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_fault_deep_in_resnet101_is_named(direction):
    pytest.importorskip("torch")
    graph, parameters, inputs = question("resnet101", (3, 32, 32))
    engines = [FaultyEngine("numpy", graph, "layer3.11.conv2", direction), get_engine("torch")]
    report = check_model(graph, parameters, inputs, engines)
    assert [f.subject for f in report.error_sources("numpy", direction)] == ["layer3.11.conv2"]
    assert report.first_failure.subject == "layer3.11.conv2"
    assert len(report.propagating("numpy", "backward")) > 100
    assert report.first_of("torch") is None


def test_the_how_to_runs_as_it_stands():
    page = Path(__file__).parents[2] / "docs" / "how-to" / "find-the-node-at-fault.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    exec(compile(code, str(page), "exec"), {"__name__": "page"})


@pytest.mark.parametrize("reference", ["reference", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_that_is_sure_of_its_samples_is_right(dtype, reference):
    """softmax - target cancels to what is left of a rounding of 1, and the loss is near 0."""
    graph = Sequential(("fc", Linear(6)), ("head", Linear(3))).build(Shape("N", 5)).with_loss(SoftmaxCrossEntropy())
    engines = [get_engine(e) for e in ("numpy", "torch", "numba") if installed(e)]
    x = np.random.default_rng(0).standard_normal((8, 5)).astype(np.float32)
    for scale in (6, 12, 25):
        parameters = {n: w * scale ** (n == "head.weight") for n, w in initial_parameters(graph).items()}
        scores = engines[0].compile(graph, parameters, dtype="float64").forward({"x": x})[graph.output]
        inputs = {"x": x, "y": scores.argmax(1)}
        report = check_model(graph, parameters, inputs, engines, dtype=dtype, reference=get_engine(reference))
        assert report.passed, report.failures


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(3))
def test_batch_norm_of_two_samples_is_right(dtype, seed):
    """Of the gradient in front of it a hundred-thousandth is left, and rounding of all the rest."""
    graph = build("mlp", Shape("N", 5), 3, {"layers": (4, 3), "batch_norm": True}).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(seed)
    inputs = {"x": rng.standard_normal((2, 5)), "y": rng.integers(0, 3, 2)}
    engines = [get_engine(name) for name in ("numpy", *OTHERS)]
    report = check_model(graph, initial_parameters(graph, seed), inputs, engines, mode=Mode(True), dtype=dtype)
    assert report.passed, report.failures
