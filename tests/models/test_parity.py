"""The convolutional networks on every engine: equal outputs, losses, gradients and statistics from equal weights."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine, installed
from backproof.graph import Loss, Shape, initial_parameters
from backproof.models import build
from backproof.ops import MSE, SoftmaxCrossEntropy
from backproof.verify.core.case import Case, run_case

NETWORKS = [
    ("cnn", {"channels": 3, "kernel_size": 2, "stride": 2}, (1, 7, 6), SoftmaxCrossEntropy()),
    ("lenet5", {}, (1, 12, 14), SoftmaxCrossEntropy()),
    ("lenet5", {"activation": "tanh", "pooling": "avg"}, (3, 13, 12), SoftmaxCrossEntropy()),
    ("unet", {"depth": 2, "width": 2}, (3, 7, 6), MSE()),
    ("unet", {"depth": 2, "width": 2, "up": "resize", "activation": "gelu"}, (1, 4, 7), MSE()),
    ("unet", {"depth": 1, "width": 3, "batch_norm": False}, (1, 5, 5), MSE()),
    ("resnet", {"blocks": (1, 1), "width": 2, "bottleneck": False, "stem": "small"}, (3, 5, 4), SoftmaxCrossEntropy()),
]


def case_of(name: str, options: dict[str, object], shape: tuple[int, ...], loss: Loss, training: bool) -> Case:
    rng = np.random.default_rng(0)
    graph = build(name, Shape("N", *shape), 3, options).with_loss(loss)
    target = graph.inputs[1]
    y = rng.integers(0, 3, 3) if target.kind == "int" else rng.standard_normal(target.shape.bind(3))
    parameters = {  # scales and shifts of ones and zeros hide faults
        path: value + rng.uniform(0, 0.5, value.shape) if value.ndim == 1 else value
        for path, value in initial_parameters(graph, seed=1).items()
    }
    return Case(graph, parameters, {"x": rng.standard_normal((3, *shape)), "y": y}, Mode(training))


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("name", "options", "shape", "loss"), NETWORKS, ids=lambda value: str(value))
def test_engines_agree(
    engine: str, training: bool, name: str, options: dict[str, object], shape: tuple[int, ...], loss: Loss
) -> None:
    if not installed(engine):
        pytest.skip(f"engine '{engine}' is not installed")
    case = case_of(name, options, shape, loss, training)
    right = run_case(get_engine("reference"), case)
    found = run_case(get_engine(engine), case)
    assert found.keys() == right.keys()
    for what, value in right.items():
        assert np.max(np.abs(found[what] - value)) <= 1e-9 * max(np.max(np.abs(value)), 1e-3), what
