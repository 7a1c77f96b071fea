"""Runs that take milliseconds, made once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backproof.runs.launch import run
from backproof.runs.options import spec_from_options
from backproof.runs.store import Run


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Train on a few samples; the same options give the same run again."""
    kept: dict[str, Run] = {}

    def trained(**options: object) -> Run:
        if str(options) not in kept:
            folder = tmp_path_factory.mktemp("infer")
            small = {"select": "0-99", "split": (80, 10, 10), "epochs": 3, "runs_dir": str(folder / "runs")}
            small |= {"data_dir": str(folder / "datasets"), "cache_dir": "off"}
            kept[str(options)] = run(spec_from_options(small | options))
        return kept[str(options)]

    return trained


@pytest.fixture(scope="session")
def digits(train: Callable[..., Run]) -> Run:
    """Classes of 8x8 gray images."""
    return train(dataset="digits", model="mlp", layers=(16,), flatten=True, minmax=True)


@pytest.fixture(scope="session")
def shapes(train: Callable[..., Run]) -> Run:
    """Masks of generated shapes."""
    return train(
        dataset="shapes",
        model="unet",
        resize=(16, 16),
        model_option=("width=2", "depth=2"),
        select="0-29",
        split=(20, 5, 5),
    )


@pytest.fixture(scope="session")
def numbers(train: Callable[..., Run]) -> Run:
    """Ten numbers a sample, of which one follows."""
    return train(dataset="diabetes", model="mlp", layers=(4,))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures of the ten digits, 8x8 gray, each in the folder of its class; 20 of them."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    for i in range(20):
        folder = tmp_path / "photos" / str(data.target[i])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((data.images[i] * 15).astype(np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "photos"
