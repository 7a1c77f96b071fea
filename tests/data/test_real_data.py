"""The real datasets, where BACKPROOF_TEST_DATA says they are."""

import numpy as np
import pytest

from backproof.data import DataOptions, PreprocessingOptions, describe, load
from backproof.errors import UserError


@pytest.fixture
def real(real_data, tmp_path):
    def make(name, **values):
        return DataOptions(dataset=name, data_dir=str(real_data), cache_dir=str(tmp_path / "cache"), **values)

    return make


def test_mnist(real):
    parts = load(real("mnist", split=(50000, 10000)), PreprocessingOptions(flatten=True))
    assert [part.x.shape for part in parts] == [(50000, 784), (10000, 784), (10000, 784)]
    assert parts.classes == tuple("0123456789")
    assert np.bincount(parts.test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    whole = np.bincount(np.concatenate([parts.train.y, parts.dev.y]))
    assert abs(np.bincount(parts.dev.y) - whole / 6).max() <= 1.5
    assert parts.test.x.min() == 0
    assert parts.test.x.max() == 1
    assert parts.test.x.mean() == pytest.approx(0.1325, abs=1e-3)


def test_sign_digits(real):
    summary = describe(real("sign_digits"))
    assert summary.samples == 2062
    assert summary.modes == {"RGB": 2062}
    assert summary.unreadable == ()


def test_sign_digits_of_different_sizes_need_a_resize(real):
    # Class 7 has a photograph that was never shrunk, among pictures of 100x100.
    with pytest.raises(UserError, match=r"7/IMG_5874.JPG is 3024x3024; bring all to one size, such as resize"):
        load(real("sign_digits", select="0-5,1600-1650"), PreprocessingOptions())
    every_tenth = ",".join(str(i) for i in range(0, 2062, 10))
    parts = load(real("sign_digits", select=every_tenth), PreprocessingOptions(grayscale=True, resize=(32, 32)))
    assert parts.train.x.shape == (145, 1, 32, 32)
    assert parts.skipped == ()
