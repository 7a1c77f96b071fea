"""Products in blocks are products."""

import numpy as np
import pytest

from backproof.engines.numpy import NumpyEngine, products
from backproof.engines.numpy.products import largest_batch, product
from backproof.engines.numpy.workspace import Pool, Workspace, aligned
from backproof.engines.sweep import GradientMemory

SHAPES = [
    (16, 784, 256),
    (50, 784, 256),
    (17, 784, 64),
    (33, 784, 100),
    (7, 600, 500),
    (1, 784, 256),
    (64, 120, 64),
    (16, 512, 256),
]


@pytest.fixture(params=[64, 0], ids=["blocks", "whole"])
def small_kernels(request, monkeypatch):
    monkeypatch.setattr(products, "largest_batch", lambda samples: request.param)


def multiply(a, b, out):
    product(a, b, out, Workspace("fc", (True,), Pool(out.dtype), GradientMemory(out.dtype)))


@pytest.mark.usefixtures("small_kernels")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("samples", "into", "out_of"), SHAPES)
def test_all_three_products_of_a_linear_layer(samples, into, out_of, dtype):
    """Also where the last block has fewer rows."""
    rng = np.random.default_rng(0)
    x, w, dy = (rng.random(s).astype(dtype) for s in ((samples, into), (into, out_of), (samples, out_of)))
    for a, b in ((x, w), (x.T, dy), (dy, w.T)):
        out = aligned((a.shape[0], b.shape[1]), dtype)
        out[...] = np.nan
        multiply(a, b, out)
        np.testing.assert_allclose(out, a @ b, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_blocks_are_taken_for_small_batches_alone(monkeypatch):
    asked = []
    monkeypatch.setattr(products, "largest_batch", lambda samples: asked.append(True) or samples)
    w = np.ones((784, 256), np.float32)
    for samples in (1, 4, 16, 64):
        multiply(np.ones((samples, 784), np.float32), w, np.empty((samples, 256), np.float32))
    assert len(asked) == 2


def test_more_threads_take_blocks_for_fewer_samples():
    engine = NumpyEngine()
    threads = engine.info().details["threads"]
    try:
        engine.set_threads(1)
        alone = largest_batch(64)
        engine.set_threads(2)
        assert largest_batch(64) == alone // 2
    finally:
        engine.set_threads(threads)
