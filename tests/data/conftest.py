from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backproof.data import DataOptions


@pytest.fixture
def options(tmp_path):
    """Data options that keep everything in the test's own folder."""

    def make(dataset="pets", **values) -> DataOptions:
        return DataOptions(dataset=str(dataset), data_dir=str(tmp_path / "datasets"), **values)

    return make


@pytest.fixture
def pets(tmp_path) -> Path:
    """A folder of 10 cats and 10 dogs, 6x8 RGB, each picture different."""
    folder = tmp_path / "datasets" / "pets"
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for i in range(10):
            pixels = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder
