"""What each engine does where the mathematics leaves a choice: at kinks, in dropped channels, in running statistics."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine, installed
from backproof.graph import Sequential, Shape, initial_parameters
from backproof.ops import (
    ELU,
    GELU,
    MSE,
    BatchNorm,
    Dropout2d,
    GroupNorm,
    Hardtanh,
    LayerNorm,
    LeakyReLU,
    NLLLoss,
    ReLU,
    ReLU6,
    SiLU,
    Softplus,
)
from backproof.optim import SGD


def trainer_of(engine, op, *sample, dtype="float64"):
    graph = Sequential(("op", op)).build(Shape("N", *sample)).with_loss(MSE())
    return engine.compile(graph, initial_parameters(graph), dtype=dtype)


def derivative(engine, op, x):
    """dy/dx at one point: with the target y - 1/2, dL/dy = 1."""
    trainer = trainer_of(engine, op, 1)
    x = np.array([[float(x)]])
    y = trainer.forward({"x": x})["op"]
    return trainer.gradients({"x": x, "y": y - 0.5}, Mode()).inputs["x"].item()


@pytest.mark.parametrize(
    ("op", "x", "expected"),
    [
        (ReLU(), 0, 0),
        (LeakyReLU(0.3), 0, 0.3),
        (ELU(0.3), 0, 0.3),
        (ReLU6(), 0, 0),
        (ReLU6(), 6, 0),
        (Hardtanh(-2, 3), -2, 0),
        (Hardtanh(-2, 3), 3, 0),
        (Hardtanh(-2, 3), 2.5, 1),
        (Softplus(threshold=2), 2, 1 / (1 + np.exp(-2))),
        (Softplus(threshold=2), 2.001, 1),
    ],
    ids=str,
)
def test_derivatives_at_kinks(engine, op, x, expected):
    assert derivative(engine, op, x) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("op", [ReLU6(), Hardtanh(-2, 3)], ids=str)
def test_a_nan_is_neither_below_nor_above_a_bound(engine, op):
    """So its derivative is 1, as PyTorch's. NLLLoss gives a gradient that does not depend on what it is of."""
    graph = Sequential(("op", op)).build(Shape("N", 2)).with_loss(NLLLoss())
    trainer = engine.compile(graph, {}, dtype="float64")
    x = np.array([[np.nan, 1.0]])
    assert np.isnan(trainer.forward({"x": x})["op"][0, 0])
    found = trainer.gradients({"x": x, "y": np.array([0])}, Mode())
    np.testing.assert_array_equal(found.inputs["x"], [[-1, 0]])


@pytest.mark.parametrize("op", [GELU(), GELU("tanh"), SiLU(), Softplus(), Softplus(beta=3), ELU(), ReLU6()], ids=str)
def test_far_out_nothing_overflows(engine, op):
    x = np.array([[-1000.0, 1000.0]])
    trainer = trainer_of(engine, op, 2)
    y = trainer.forward({"x": x})["op"]
    np.testing.assert_allclose(y, [[-1 if isinstance(op, ELU) else 0, 6 if isinstance(op, ReLU6) else 1000]])
    assert np.all(np.isfinite(trainer.gradients({"x": x, "y": y}, Mode()).inputs["x"]))


def test_dropout2d_drops_whole_channels(engine):
    x = np.ones((6, 5, 3, 2))
    trainer = trainer_of(engine, Dropout2d(0.4), 5, 3, 2)
    mode = Mode(training=True, seed=1)
    y = trainer.forward({"x": x}, mode)["op"]
    kept = Dropout2d(0.4).mask(x.shape, 1, 0, "op")
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(y, np.broadcast_to(kept / 0.6, x.shape), rtol=1e-15)
    np.testing.assert_array_equal(trainer.forward({"x": x})["op"], x)


def test_without_momentum_the_running_statistics_are_plain_means(engine):
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((4, 3, 2, 5)) + rng.standard_normal((3, 1, 1)) for _ in range(4)]
    trainer = trainer_of(engine, BatchNorm(momentum=None), 3, 2, 5)
    for step, x in enumerate(batches):
        trainer.train_step({"x": x, "y": x}, SGD(), Mode(training=True, step=step))
    found = trainer.parameters()
    assert found["op.num_batches_tracked"] == 4
    axes = (0, 2, 3)
    np.testing.assert_allclose(found["op.running_mean"], np.mean([x.mean(axes) for x in batches], 0), rtol=1e-12)
    np.testing.assert_allclose(found["op.running_var"], np.mean([x.var(axes, ddof=1) for x in batches], 0), rtol=1e-12)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("op", [BatchNorm(), GroupNorm(3), LayerNorm((6, 61, 90)), LayerNorm(90)], ids=str)
def test_images_of_more_than_one_block(op, training):
    """Larger than the blocks that the NumPy engine works in, and no multiple of them."""
    if not installed("torch"):
        pytest.skip("PyTorch is not installed")
    rng = np.random.default_rng(0)
    inputs = {name: rng.standard_normal((3, 6, 61, 90)) + 1 for name in ("x", "y")}
    mode = Mode(training=training)
    ours, theirs = (trainer_of(get_engine(name), op, 6, 61, 90).gradients(inputs, mode) for name in ("numpy", "torch"))
    np.testing.assert_allclose(ours.output, theirs.output, rtol=1e-10, atol=1e-12)
    for a, b in ((ours.parameters, theirs.parameters), (ours.inputs, theirs.inputs), (ours.state, theirs.state)):
        assert a.keys() == b.keys()
        for name, value in b.items():
            np.testing.assert_allclose(a[name], value, rtol=1e-9, atol=1e-13, err_msg=name)


def test_batch_norm_far_from_zero_in_float32():
    """A mean a thousand times the deviation costs three digits, as the numbers themselves have lost them; not six."""
    x = np.random.default_rng(0).standard_normal((32, 4, 16, 16)) + 1000
    x = x.astype(np.float32)
    y = trainer_of(get_engine("numpy"), BatchNorm(), 4, 16, 16, dtype="float32").forward({"x": x}, Mode(training=True))
    exact = np.float64(x)
    exact = (exact - exact.mean((0, 2, 3), keepdims=True)) / np.sqrt(exact.var((0, 2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(y["op"], exact, atol=1e-3)


@pytest.mark.parametrize("relu", [False, True], ids=["BatchNorm", "BatchNorm, ReLU"])
@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize(("mean", "allowed"), [(1e3, 5e-6), (1e5, 5e-6)])
def test_batch_norm_far_from_zero_is_as_exact_as_near(name, mean, allowed, relu):
    """Forward and backward, in float32; running statistics too. PyTorch is off by 8e-4 at 1e5, and by 4e-3 backward."""
    if not installed(name):
        pytest.skip(f"{name} is not installed")
    nodes = [("op", BatchNorm())] + [("relu", ReLU())] * relu
    graph = Sequential(*nodes).build(Shape("N", 4, 16, 16)).with_loss(MSE())
    rng = np.random.default_rng(0)
    x = np.float32(rng.standard_normal((32, 4, 16, 16)) + mean)
    inputs = {"x": np.float64(x), "y": np.float64(np.float32(rng.standard_normal(x.shape)))}
    weights = initial_parameters(graph, 0)
    training = Mode(training=True)
    exact = get_engine("numpy").compile(graph, weights, dtype="float64").gradients(inputs, training)
    found = get_engine(name).compile(graph, weights, dtype="float32").gradients(inputs, training)
    for a, b in (
        ({"y": found.output}, {"y": exact.output}),
        (found.parameters, exact.parameters),
        (found.inputs, exact.inputs),
        (found.state, exact.state),
    ):
        for key, value in b.items():
            np.testing.assert_allclose(a[key], value, rtol=0, atol=allowed * np.abs(value).max(), err_msg=key)


def test_numpy_alone_until_a_gelu_is_computed():
    import subprocess
    import sys

    code = (
        "import sys; from backproof.engines import get_engine; import backproof.ops; get_engine('numpy');"
        "import backproof.engines.numpy.kernels; print('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
