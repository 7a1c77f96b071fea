"""What compiled loops must not lose: digits, NaN, bits over a resume; and what they may not need: a cache."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba is not installed: pip install 'backproof[numba]'")

from backproof.engines import Mode, get_engine
from backproof.engines.numpy.fusion import fuse
from backproof.graph import Builder, Graph, Sequential, Shape, initial_parameters
from backproof.ops import (
    MSE,
    AdaptiveAvgPool2d,
    Add,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from backproof.optim import OPTIMIZERS, Adam

TRAINING = Mode(training=True)


def residual() -> Graph:
    """All that is compiled: a strided convolution, a pool, BatchNorm alone, before ReLU, and before Add and ReLU."""
    net = Builder(Shape("N", 3, 13, 13))
    h = net("conv1", Conv2d(8, 3, stride=2, padding=1, bias=False), net.x)
    x = net("pool", MaxPool2d(3, stride=2, padding=1), net("relu1", ReLU(), net("bn1", BatchNorm(), h)))
    h = net("bn2", BatchNorm(), net("conv2", Conv2d(8, 3, stride=2, padding=1, bias=False), x))
    short = net("bn3", BatchNorm(), net("conv3", Conv2d(8, 1, stride=2, bias=False), x))
    h = net("flatten", Flatten(), net("gap", AdaptiveAvgPool2d(1), net("relu2", ReLU(), net("add", Add(), h, short))))
    h = net("relu3", ReLU(), net("fc1", Linear(6), h))
    return net.graph(net("fc2", Linear(4), h)).with_loss(SoftmaxCrossEntropy())


GRAPH = residual()
WEIGHTS = initial_parameters(GRAPH)


def batch(seed: int = 0, n: int = 40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"x": rng.standard_normal((n, 3, 13, 13)), "y": rng.integers(0, 4, n)}


def trainers(graph: Graph, dtype: str, **parameters: np.ndarray):
    """The same network on the numba and on the numpy engine."""
    weights = initial_parameters(graph) | parameters
    return [get_engine(name).compile(graph, weights, dtype=dtype) for name in ("numba", "numpy")]


def largest_error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(found - exact)) / np.max(np.abs(exact)))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-12)])
def test_fused_and_unfused_agree(dtype, tolerance, monkeypatch):
    from backproof.engines.numba import NumbaTrainer

    monkeypatch.setattr(NumbaTrainer, "fusing_keeps_bits", True)  # so that a watched pass is not fused
    assert len(fuse(GRAPH).nodes) == len(GRAPH.nodes) - 4
    fused, unfused = (get_engine("numba").compile(GRAPH, WEIGHTS, dtype=dtype) for _ in range(2))
    for step in range(3):
        mode = Mode(training=True, step=step)
        a = fused.train_step(batch(step), OPTIMIZERS["sgd"](), mode)
        b = unfused.train_step(batch(step), OPTIMIZERS["sgd"](), mode, watch=lambda node, direction, array: None)
        assert a.loss == pytest.approx(b.loss, rel=tolerance)
    for name, value in fused.parameters().items():
        np.testing.assert_allclose(value, unfused.parameters()[name], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_low_memory_changes_no_bit(dtype):
    usual, low = (
        get_engine("numba", memory=memory).compile(GRAPH, WEIGHTS, dtype=dtype) for memory in ("normal", "low")
    )
    for step in range(3):
        for trainer in (usual, low):
            trainer.train_step(batch(step), Adam(), Mode(training=True, step=step))
    for name, value in usual.parameters().items():
        np.testing.assert_array_equal(low.parameters()[name], value, err_msg=name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_has_the_same_bits(name):
    optimizer = OPTIMIZERS[name](lr=1e-2, weight_decay=1e-3)
    through = get_engine("numba").compile(GRAPH, WEIGHTS)
    for step in range(2):
        through.train_step(batch(step), optimizer, Mode(training=True, step=step))
    resumed = get_engine("numba").compile(GRAPH, through.parameters())
    resumed.load_optimizer_state(optimizer, through.optimizer_state())
    for trainer in (through, resumed):
        for step in range(2, 4):
            trainer.train_step(batch(step), optimizer, Mode(training=True, step=step))
    for key, value in (through.parameters() | through.optimizer_state()).items():
        np.testing.assert_array_equal((resumed.parameters() | resumed.optimizer_state())[key], value, err_msg=key)


@pytest.mark.parametrize("mean", [0, 30])
def test_sums_over_many_rows_lose_no_more_digits_than_numpy(mean):
    rng = np.random.default_rng(0)
    graph = Sequential(("bn", BatchNorm())).build(Shape("N", 8)).with_loss(MSE())
    inputs = {"x": rng.normal(mean, 1, (50_000, 8)).astype("f"), "y": rng.standard_normal((50_000, 8)).astype("f")}
    compiled, plain = (trainer.gradients(inputs, TRAINING) for trainer in trainers(graph, "float32"))
    exact = trainers(graph, "float64")[1].gradients({k: v.astype("d") for k, v in inputs.items()}, TRAINING)
    for part in ("parameters", "state", "inputs"):
        for name, value in getattr(exact, part).items():
            ours, theirs = (largest_error(getattr(found, part)[name], value) for found in (compiled, plain))
            assert ours <= max(theirs, 3e-7), name


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("training", [True, False])
def test_what_is_not_finite_goes_where_numpy_lets_it_go(value, training):
    inputs = batch()
    inputs["x"][3, 1, 5, 5] = value
    names = [node.name for node in GRAPH.nodes]
    mode = Mode(training=training)
    with np.errstate(invalid="ignore", over="ignore"):
        found, expected = (
            (trainer.forward(inputs, mode), trainer.forward(inputs, mode, want=names), trainer.gradients(inputs, mode))
            for trainer in trainers(GRAPH, "float64")
        )
    for ours, theirs in ((found[0], expected[0]), (found[1], expected[1])):
        for name, array in theirs.items():
            np.testing.assert_array_equal(np.isfinite(ours[name]), np.isfinite(array), err_msg=name)
    assert not np.isfinite(found[1]["loss"]), "the anomaly checks would not see it"
    for name, g in expected[2].parameters.items():
        np.testing.assert_array_equal(np.isfinite(found[2].parameters[name]), np.isfinite(g), err_msg=name)


def test_relu_hands_back_a_nan_that_comes_where_it_is_shut():
    graph = Sequential(("relu", ReLU())).build(Shape("N", 3)).with_loss(MSE())
    inputs = {"x": np.array([[-1.0, 2.0, -3.0]]), "y": np.array([[np.nan, 0.0, 0.0]])}
    for trainer in trainers(graph, "float64"):
        np.testing.assert_array_equal(np.isnan(trainer.gradients(inputs, TRAINING).inputs["x"]), [[True, False, False]])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_nan_in_the_gradient_reaches_the_weight_and_stays(name):
    graph = Sequential(("fc", Linear(2, bias=False))).build(Shape("N", 3)).with_loss(MSE())
    trainer = trainers(graph, "float32")[0]
    x = np.ones((1, 3))
    for step, y in enumerate(([[np.nan, 0.0]], [[0.0, 0.0]])):
        trainer.train_step({"x": x, "y": np.array(y)}, OPTIMIZERS[name](), Mode(training=True, step=step))
        assert np.isnan(trainer.parameters()["fc.weight"][0]).all()
        assert np.isfinite(trainer.parameters()["fc.weight"][1]).all()


def test_blocks_of_rows_that_are_not_full():
    """Batches around the height of a block."""
    graph = Sequential(("bn", BatchNorm()), ("relu", ReLU())).build(Shape("N", 5)).with_loss(MSE())
    rng = np.random.default_rng(0)
    for n in (2, 31, 32, 33, 65):
        inputs = {"x": rng.standard_normal((n, 5)), "y": rng.standard_normal((n, 5))}
        found, expected = (trainer.gradients(inputs, TRAINING) for trainer in trainers(graph, "float64"))
        for part in ("parameters", "state", "inputs"):
            for name, value in getattr(expected, part).items():
                np.testing.assert_allclose(getattr(found, part)[name], value, rtol=1e-11, atol=1e-14)


def run(code: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | variables
    )
    return done.stdout


def test_works_where_no_code_can_be_kept():
    """Numba is told of one place for it, which is there in notebooks only."""
    code = (
        "import numpy as np; from backproof.engines import get_engine; "
        "from backproof.engines.numba.optimizers import sgd_loop; "
        "w = np.ones(3); sgd_loop(w, w.copy(), 0.25); "
        "print(*w, get_engine('numba').info().details['compiled code'])"
    )
    assert run(code, NUMBA_CACHE_LOCATOR_CLASSES="IPythonCacheLocator") == "0.75 0.75 0.75 not kept\n"


def test_other_engines_do_not_load_numba():
    code = "import sys; from backproof.engines import get_engine; get_engine('numpy'); print('numba' in sys.modules)"
    assert run(code) == "False\n"
