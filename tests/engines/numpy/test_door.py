"""Images at the engine's door: turned for kernels, and only seen so for those that turn them back."""

import numpy as np

from backproof.engines.numpy.door import inside, inside_unturned


def test_an_unturned_image_is_the_same_value_without_a_copy() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    seen = inside_unturned(x, np.float32)
    assert np.array_equal(seen, inside(x, np.float32))
    assert np.shares_memory(seen, x)
    assert seen.transpose(0, 3, 1, 2).flags.c_contiguous


def test_another_dtype_is_converted() -> None:
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    for enter in (inside, inside_unturned):
        assert enter(x, np.float32).dtype == np.float32
