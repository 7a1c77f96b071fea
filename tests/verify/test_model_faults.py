"""A kernel that is wrong in one node of a network: the node is named, and the tensors below it are not."""

import numpy as np
import pytest
from faults import FAULTS, engine_with
from faults.sweeps import NOT_SUMMED

from backproof.engines import Mode
from backproof.engines.kernel import Kernel
from backproof.engines.reference.kernels import KERNELS
from backproof.graph import Builder, Shape, initial_parameters
from backproof.ops import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    LeakyReLU,
    Linear,
    ReLU,
    SoftmaxCrossEntropy,
)
from backproof.verify import check_gradients
from backproof.verify.networks.check import check_model

MODE = Mode(training=True, seed=1, step=2)


def network():
    """A small residual network in which every operation stands twice: once below, once wrong."""
    net = Builder(Shape("N", 2, 6, 6))
    h = net("conv1", Conv2d(4, 3, padding=1), net.x)
    h = net("relu1", ReLU(), net("bn1", BatchNorm(), h))
    branch = net("conv2", Conv2d(4, 3, padding=(1, 2, 0, 3), groups=2), h)
    branch = net("act2", LeakyReLU(0.2), net("bn2", BatchNorm(), net("pool2", AvgPool2d(2, stride=1), branch)))
    h = net("pool", AvgPool2d(2, padding=1, count_include_pad=False), net("add", Add(), branch, h))
    h = net("drop", Dropout(0.3), net("fc1", Linear(5), net("flat", Flatten(), h)))
    h = net("fc2", Linear(5), net("act1", LeakyReLU(0.2), h))
    graph = net.graph(net("fc3", Linear(3), h)).with_loss(SoftmaxCrossEntropy(label_smoothing=0.1))
    rng = np.random.default_rng(0)
    return graph, initial_parameters(graph, 1), {"x": rng.standard_normal((4, 2, 6, 6)), "y": rng.integers(0, 3, 4)}


class AtOneNode(Kernel):
    """The wrong kernel at one node, the right one everywhere else."""

    def __init__(self, wrong, right, node):
        self.wrong, self.right, self.node = wrong, right, node

    def kernel(self, call):
        return self.wrong if call.node == self.node else self.right

    def forward(self, op, inputs, p, call):
        return self.kernel(call).forward(op, inputs, p, call)

    def backward(self, op, dy, saved, p, g, call):
        return self.kernel(call).backward(op, dy, saved, p, g, call)


def planted(fault, node):
    (found,) = [f for f in FAULTS if str(f) == fault]
    wrong = found.engine.trainer.kernels[found.subject]
    return engine_with(kernels={found.subject: AtOneNode(wrong, KERNELS[found.subject], node)})


@pytest.mark.parametrize(
    ("fault", "node", "direction"),
    [
        ("Conv2d-PaddingOnTheWrongSide", "conv2", "forward"),
        ("Conv2d-GroupsMixed", "conv2", "forward"),
        ("Conv2d-KernelTurned", "conv1", "forward"),
        ("Linear-BiasGradientMissing", "fc2", "backward"),
        ("Conv2d-OverlapsOverwritten", "conv2", "backward"),
        ("BatchNorm-NormalisedByTheUnbiasedVariance", "bn2", "forward"),
        ("BatchNorm-BiasedRunningVariance", "bn1", "forward"),
        ("BatchNorm-StatisticsTakenForConstants", "bn2", "backward"),
        ("AvgPool2d-CountIncludePadIgnored", "pool", "forward"),
        ("AvgPool2d-DivisorForgottenInBackward", "pool2", "backward"),
        ("ReLU-DerivativeOneAtZero", "relu1", None),
        ("LeakyReLU-SlopeForgottenInBackward", "act1", "backward"),
        ("Dropout-NotRescaled", "drop", "forward"),
        ("Dropout-MaskRedrawnInBackward", "drop", "backward"),
        ("Linear-WeightTransposed", "fc2", "forward"),
        ("Linear-SquareWeightTransposedInBackward", "fc2", "backward"),
        ("Linear-WeightGradientOffByAMillionth", "fc2", "backward"),
        ("SoftmaxCrossEntropy-SmoothingOverTheOtherClasses", "loss", "forward"),
        ("SoftmaxCrossEntropy-GradientWithoutMean", "loss", "backward"),
        ("Add-GradientShared", "add", "backward"),
    ],
)
def test_the_node_is_named(fault, node, direction):
    engine = planted(fault, node)
    report = check_model(*network(), [engine], mode=MODE)
    if direction is None:  # no value of this batch lies on the kink: there is nothing wrong to be found
        assert report.passed
        return
    first = report.first_failure
    assert (first.subject, first.case, first.location.direction) == (node, "isolated", direction)
    named = {f.subject for way in ("forward", "backward") for f in report.error_sources(engine.name, way)}
    assert named == {node}


def test_a_sweep_that_forgets_to_add_is_found_between_nodes():
    graph, parameters, inputs = network()
    report = check_model(graph, parameters, inputs, [NOT_SUMMED], mode=MODE)
    assert report.first_failure is not None
    assert "every node is right by itself" in report.verdict


def test_and_the_gradient_check_names_all_that_lies_below_the_fork():
    graph, parameters, inputs = network()
    trainer = NOT_SUMMED.compile(graph, parameters, dtype="float64")
    report = check_gradients(trainer, inputs, MODE, rng=np.random.default_rng(0), coordinates=2)
    # A bias in front of batch normalisation has no effect, and 0 is half of 0.
    assert {tensor.name for tensor in report.failures} == {"x", "conv1.weight", "bn1.weight", "bn1.bias"}
