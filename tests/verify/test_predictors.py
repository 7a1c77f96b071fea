"""An engine that only predicts is checked on its outputs; a wrong one is found, by operation and by node."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from backproof.engines import Capabilities, EngineInfo, Mode, get_engine
from backproof.errors import UserError
from backproof.graph import Graph, Loss, Shape, initial_parameters
from backproof.models import build
from backproof.ops import BatchNorm, Conv2d, Dropout, Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import SGD
from backproof.verify import check_model, check_ops, check_optimizers
from backproof.verify.core.location import OUTPUT


class Predictor:
    """NumPy's forward pass and nothing else. `wrong`: all that it puts out for these operations is off by a little."""

    def __init__(self, trainer, wrong):
        self._trainer, self._wrong = trainer, wrong
        self.graph, self.dtype = trainer.graph, trainer.dtype
        self.load, self.parameters = trainer.load, trainer.parameters

    def forward(self, inputs, mode=Mode(), want=()):  # noqa: B008
        if mode.training:
            raise UserError("this engine predicts; it has no training mode")
        values = self._trainer.forward(inputs, mode, want)
        return {n: y * (1 + 1e-6) if self._is_wrong(n) else y for n, y in values.items()}

    def _is_wrong(self, name):
        return name in self.graph.node and type(self.graph.node[name].op) in self._wrong


@dataclass(frozen=True)
class PredictingEngine:
    """Losses are not among its operations."""

    wrong: tuple[type, ...] = ()
    name: ClassVar[str] = "predicting"
    capabilities: ClassVar[Capabilities] = Capabilities(trains=False)

    @property
    def operations(self):
        return [op for op in get_engine("numpy").operations if not issubclass(op, Loss)]

    def compile(self, graph: Graph, parameters, *, dtype="float32", device="cpu"):
        lacking = [node.name for node in graph.nodes if type(node.op) not in self.operations]
        if lacking:
            raise UserError(f"engine 'predicting' has no kernel for '{lacking[0]}'")
        return Predictor(get_engine("numpy").compile(graph, parameters, dtype=dtype), self.wrong)

    def info(self) -> EngineInfo:
        return EngineInfo("1")

    def set_threads(self, count: int) -> None:
        pass


def network():
    shape = (3, 8, 8)
    graph = build("resnet", Shape("N", *shape), 3, {"blocks": (1, 1), "width": 2, "stem": "small"})
    graph = graph.with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    return graph, initial_parameters(graph), {"x": rng.standard_normal((4, *shape)), "y": rng.integers(0, 3, 4)}


def test_operations_that_are_right():
    report = check_ops([PredictingEngine()], [Linear, Conv2d, BatchNorm, Dropout, SoftmaxCrossEntropy], seeds=(0, 1))
    assert report.passed, report.failures
    compared = {f.location for f in report.findings if f.reference == "reference"}
    assert compared == {OUTPUT}
    assert {f.subject for f in report.skipped} == {"SoftmaxCrossEntropy"}
    assert {f.what for f in report.findings} > {"inputs unchanged", "bad inputs refused", "inputs of any layout"}


def test_an_operation_that_is_wrong():
    report = check_ops([PredictingEngine(wrong=(Linear,))], [Linear, ReLU], seeds=(0,), dtypes=("float64",))
    assert {(f.subject, f.what) for f in report.failures} == {("Linear", "output")}


def test_the_error_source_of_a_network():
    graph, parameters, inputs = network()
    right = check_model(graph, parameters, inputs, [PredictingEngine()])
    assert right.passed, right.failures
    assert {f.location for f in right.findings} == {OUTPUT}
    report = check_model(graph, parameters, inputs, [PredictingEngine(wrong=(Linear,))])
    assert report.first_failure.subject == "fc"
    assert [f.subject for f in report.error_sources("predicting", "forward")] == ["fc"]


def test_beside_a_trainer_it_is_checked_in_evaluation_mode():
    graph, parameters, inputs = network()
    engines = [get_engine("numpy"), PredictingEngine(wrong=(Linear,))]
    report = check_model(graph, parameters, inputs, engines)
    assert [f.subject for f in report.error_sources("predicting", "forward")] == ["fc"]
    assert report.first_of("numpy") is None
    assert report.of("numpy", "cumulative", "backward")
    assert report.sentence("numpy") == "numpy is right at every node"
    right = check_model(graph, parameters, inputs, [engines[0], PredictingEngine()])
    assert right.passed
    assert right.verdict.endswith("forward and backward (predicting: forward alone, up to the loss)")
    assert 0 < right.rounding_errors["predicting"].values < 20
    assert right.rounding_errors["predicting"].gradients is None
    evaluation = check_model(graph, parameters, inputs, engines, mode=Mode())
    assert [f.subject for f in evaluation.error_sources("predicting", "forward")] == ["fc"]
    assert evaluation.first_of("numpy") is None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_optimizers_are_skipped(dtype):
    (finding,) = check_optimizers([PredictingEngine()], [SGD], dtypes=(dtype,)).findings
    assert (finding.verdict, finding.detail) == ("skipped", "engine 'predicting' cannot train")
