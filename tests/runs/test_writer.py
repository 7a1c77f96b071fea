"""Disks that are full and folders that cannot be written."""

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from backproof.errors import UserError
from backproof.runs import writer
from backproof.runs.launch import resume, run
from backproof.runs.store import list_runs
from backproof.train import checkpoint
from backproof.train.events import EpochDone, Observer


class FillTheDisk(Observer):
    """From the end of an epoch on every fsync says that the disk is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
        self._monkeypatch = monkeypatch
        self._epoch = epoch

    def epoch_done(self, event: EpochDone) -> None:
        if event.record.epoch == self._epoch:
            self._monkeypatch.setattr(checkpoint.os, "fsync", full)


def full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_loses_nothing(make_spec, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_spec(name="full", optimizer="adam")
    whole = run(make_spec(name="whole", optimizer="adam"))
    with pytest.raises(UserError, match=r"No space left on device; what was kept before is whole: go on with resume"):
        run(spec, [FillTheDisk(monkeypatch, 2)])
    monkeypatch.undo()
    dead = next(r for r in list_runs(spec.output.runs_dir) if r.name == "full")
    assert dead.status == "killed", "not even the result could be written"
    assert dead.checkpoint().progress.epoch == 3
    assert not list(dead.path.glob(".*"))
    done = resume(dead.path)
    assert all(np.array_equal(done.weights()[name], w) for name, w in whole.weights().items())
    assert [e.epoch for e in done.epochs()] == [1, 2, 3]


def test_full_disk_at_the_start_leaves_nothing(make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write in '.*runs': No space left on device"):
        run(make_spec())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), OSError(errno.EROFS, "Read-only")])
def test_runs_folder_not_writable(make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    (tmp_path / "runs").mkdir()

    def refuse(**_: object) -> str:
        raise error

    monkeypatch.setattr(writer.tempfile, "mkdtemp", refuse)
    with pytest.raises(UserError, match=f"cannot write in '.*runs': {error.strerror}"):
        run(make_spec())
    assert list((tmp_path / "runs").iterdir()) == []


def test_runs_folder_is_a_file(make_spec, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(UserError, match=r"cannot write in '.*runs'"):
        run(make_spec())
    assert (tmp_path / "runs").read_text() == "mine"


def test_atomic_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    checkpoint.write_atomically(path, b"old")
    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_name_taken_a_moment_ago(make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    rename = Path.rename

    def race(self: Path, target: Path) -> Path:
        if target == runs / "mine":
            target.mkdir()
            (target / "spec.toml").write_text("of another process")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", race)
    done = run(make_spec(name="mine", epochs=1))
    assert done.name == "mine-2"
    assert done.spec.output.name == "mine-2"
    assert (runs / "mine" / "spec.toml").read_text() == "of another process"
    assert sorted(path.name for path in runs.iterdir()) == ["mine", "mine-2"]


def test_runs_in_threads_keep_apart(make_spec) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(run, [make_spec(epochs=2)] * 4))
    assert sorted(r.name for r in done) == ["mlp-numpy", "mlp-numpy-2", "mlp-numpy-3", "mlp-numpy-4"]
    assert len({r.weights()["fc1.weight"].tobytes() for r in done}) == 1
