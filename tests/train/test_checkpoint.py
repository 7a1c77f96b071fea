"""Checkpoints hold everything, exactly."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.errors import UserError
from backproof.optim import Adam
from backproof.train import Progress, fit
from backproof.train.checkpoint import Checkpoint

floats = st.floats(allow_nan=False)
progresses = st.builds(
    Progress, epoch=st.integers(1, 10**6), step=st.integers(0, 10**12), cost=floats, loss=floats,
    training_seconds=floats, best_epoch=st.none() | st.integers(1, 99), best_value=st.none() | floats,
    stopped=st.booleans(),
)  # fmt: skip


@settings(deadline=None)
@given(progresses)
def test_progress_there_and_back(tmp_path_factory: pytest.TempPathFactory, progress: Progress) -> None:
    path = tmp_path_factory.mktemp("checkpoint") / "a.safetensors"
    path.write_bytes(Checkpoint({}, {}, progress).to_bytes())
    assert Checkpoint.read(path).progress == progress


def test_arrays_there_and_back(make_task, tmp_path: Path) -> None:
    task, progress = make_task(Adam()), Progress()
    fit(task.trainer, task.optimizer, task.batches, progress, task=task.task, epochs=2)
    kept = Checkpoint.of(task.trainer, progress)
    path = tmp_path / "last.safetensors"
    path.write_bytes(kept.to_bytes())
    again = Checkpoint.read(path)
    assert again.progress == progress
    assert set(again.optimizer) == {f"{slot}/{name}" for slot in "mv" for name in kept.parameters}
    for ours, theirs in ((kept.parameters, again.parameters), (kept.optimizer, again.optimizer)):
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], a) and ours[name].dtype == a.dtype for name, a in theirs.items())


def test_any_layout_in_memory(tmp_path: Path) -> None:
    arrays = {"a": np.asfortranarray(np.arange(12.0).reshape(3, 4)), "b": np.array(3.0), "c": np.arange(9)[::2]}
    path = tmp_path / "a.safetensors"
    path.write_bytes(Checkpoint(arrays, {}, Progress()).to_bytes())
    again = Checkpoint.read(path).parameters
    assert all(np.array_equal(again[name], a) and again[name].shape == a.shape for name, a in arrays.items())


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x00" * 100])
def test_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        Checkpoint.read(path)
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        Checkpoint.read(tmp_path / "none")
