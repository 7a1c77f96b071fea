"""Products in tiles are products."""

import numpy as np
import pytest

from backproof.engines.numpy import products
from backproof.engines.numpy.buffers import aligned
from backproof.engines.numpy.products import product

SHAPES = [(16, 784, 256), (50, 784, 256), (17, 784, 64), (33, 784, 100), (7, 600, 500), (1, 784, 256), (64, 120, 64)]


@pytest.fixture(params=[True, False], ids=["tiles", "whole"])
def small_kernels(request, monkeypatch):
    monkeypatch.setattr(products, "has_small_kernels", lambda: request.param)


@pytest.mark.usefixtures("small_kernels")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("samples", "into", "out_of"), SHAPES)
def test_all_three_products_of_a_linear_layer(samples, into, out_of, dtype):
    """Also where tiles do not go into the matrix a whole number of times."""
    rng = np.random.default_rng(0)
    x, w, dy = (rng.random(s).astype(dtype) for s in ((samples, into), (into, out_of), (samples, out_of)))
    for a, b in ((x, w), (x.T, dy), (dy, w.T)):
        out = aligned((a.shape[0], b.shape[1]), dtype)
        out[...] = np.nan
        product(a, b, out)
        np.testing.assert_allclose(out, a @ b, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_tiles_are_taken_for_small_batches_alone(monkeypatch):
    taken = []
    monkeypatch.setattr(products, "has_small_kernels", lambda: True)
    monkeypatch.setattr(products, "_tiled", lambda a, b, out, largest: taken.append(a.shape))
    w = np.ones((784, 256), np.float32)
    for samples in (1, 16, 64, 65, 1024):
        product(np.ones((samples, 784), np.float32), w, np.empty((samples, 256), np.float32))
    assert taken == [(16, 784), (64, 784)]
