"""More threads: the same bits each time, and the numbers of one thread but for rounding."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.graph import Sequential, Shape, initial_parameters
from backproof.ops import BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU, SoftmaxCrossEntropy
from backproof.optim import Adam

GRAPH = (
    Sequential(
        ("stem", Conv2d(64, 7, stride=2, padding=3, bias=False)),
        ("bn1", BatchNorm()),
        ("relu1", ReLU()),
        ("by_winograd", Conv2d(64, 3, padding=1, bias=False)),
        ("bn2", BatchNorm()),
        ("relu2", ReLU()),
        ("pool", MaxPool2d(4)),
        ("by_taps", Conv2d(64, 3, padding=1)),
        ("flatten", Flatten()),
        ("fc", Linear(5)),
    )
    .build(Shape("N", 3, 16, 16))
    .with_loss(SoftmaxCrossEntropy())
)
WEIGHTS = initial_parameters(GRAPH, 0)


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    """An engine, whose threads are one again afterwards."""
    if request.param == "numba":
        pytest.importorskip("numba")
    engine = get_engine(request.param)
    yield engine
    engine.set_threads(1)


def trained(engine, threads: int, dtype: str) -> dict[str, np.ndarray]:
    """The weights after two steps."""
    engine.set_threads(threads)
    trainer = engine.compile(GRAPH, WEIGHTS, dtype=dtype)
    rng = np.random.default_rng(0)
    batch = {"x": rng.random((8, 3, 16, 16)).astype(dtype), "y": rng.integers(0, 5, 8)}
    for step in range(2):
        trainer.train_step(batch, Adam(), Mode(training=True, step=step))
    return trainer.parameters()


def test_two_threads_give_the_same_bits_twice(engine):
    first, second = (trained(engine, 2, "float32") for _ in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


def test_two_threads_agree_with_one(engine):
    one, two = (trained(engine, threads, "float64") for threads in (1, 2))
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=0, atol=1e-9 * np.abs(value).max() + 1e-12, err_msg=name)
