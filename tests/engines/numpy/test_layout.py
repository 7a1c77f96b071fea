"""Images at the border of the engine: turned for kernels, and only seen so for those that turn them back."""

import numpy as np

from backproof.engines.numpy.layout import to_nhwc, to_nhwc_view


def test_an_unturned_image_is_the_same_value_without_a_copy() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    seen = to_nhwc_view(x, np.float32)
    assert np.array_equal(seen, to_nhwc(x, np.float32))
    assert np.shares_memory(seen, x)
    assert seen.transpose(0, 3, 1, 2).flags.c_contiguous


def test_another_dtype_is_converted() -> None:
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    for enter in (to_nhwc, to_nhwc_view):
        assert enter(x, np.float32).dtype == np.float32
