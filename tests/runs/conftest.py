"""Specifications of runs that take milliseconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backproof.runs.options import spec_from_options
from backproof.runs.spec import RunSpec
from backproof.runs.store import Run

MakeSpec = Callable[..., RunSpec]


@pytest.fixture
def make_spec(tmp_path: Path) -> MakeSpec:
    """A run on 60 digits: 40 to train in five batches, the last one smaller, 10 to develop and 10 to test."""

    def make(**options: object) -> RunSpec:
        small = {
            "select": "0-59",
            "split": (40, 10, 10),
            "layers": (8,),
            "batch_size": 9,
            "epochs": 3,
            "learning_rate": 0.1,
            "runs_dir": str(tmp_path / "runs"),
            "data_dir": str(tmp_path / "datasets"),
        }
        return spec_from_options(small | options)

    return make


@pytest.fixture
def assert_same_end() -> Callable[[Run, Run], None]:
    """Weights, optimizer state, figures and arrays of two runs are equal, bit for bit; only the clock may differ."""
    return _assert_same_end


def _assert_same_end(a: Run, b: Run) -> None:
    for which in ("last", "best"):
        ours, theirs = a.checkpoint(which), b.checkpoint(which)
        for x, y in ((ours.parameters, theirs.parameters), (ours.optimizer, theirs.optimizer)):
            assert x.keys() == y.keys()
            assert all(np.array_equal(x[name], y[name]) for name in x)
        assert replace(ours.progress, seconds=0) == replace(theirs.progress, seconds=0)
    timeless = {"seconds": 0.0, "samples_per_second": 0.0}
    assert [replace(e, **timeless) for e in a.epochs()] == [replace(e, **timeless) for e in b.epochs()]
    for epoch in range(1, len(a.epochs()) + 1):
        ours, theirs = a.arrays(epoch), b.arrays(epoch)
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = a.result(), b.result()
    assert ours is not None
    assert theirs is not None
    timeless = {"seconds": 0.0, "peak_memory_mb": 0.0}
    assert replace(ours, **timeless) == replace(theirs, **timeless)
