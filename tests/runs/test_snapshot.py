"""Snapshots: whole, frozen, and aware of whether the run still goes on."""

import subprocess
import sys

import pytest

from backproof.errors import UserError
from backproof.runs.launch import run
from backproof.runs.lock import is_held, only_writer
from backproof.runs.store import RunSnapshot, open_run, snapshots
from backproof.train.events import EpochDone, Observer


class Look(Observer):
    """Takes a snapshot after the second epoch."""

    def epoch_done(self, event: EpochDone) -> None:
        if event.record.epoch == 2:
            self.seen = open_run(self.path).snapshot()


def test_a_snapshot_does_not_move_with_the_run(make_spec, tmp_path) -> None:
    look = Look()
    spec = make_spec(epochs=3, show_samples=2)
    look.path = f"{spec.output.runs_dir}/mlp-numpy"
    done = run(spec, [look])
    assert (look.seen.status, look.seen.result, len(look.seen.epochs)) == ("running", None, 2)
    assert look.seen.kept == (1, 2)
    assert "samples_x" in look.seen.arrays(2)
    assert look.seen.arrays(3) == {}
    now = done.snapshot()
    assert (now.status, len(now.epochs), now.kept) == ("finished", 3, (1, 2, 3))
    assert now.result == done.result()
    assert snapshots([done, look.seen])[1] is look.seen
    assert isinstance(snapshots([done])[0], RunSnapshot)


def test_running_is_told_from_killed_by_the_lock(make_spec) -> None:
    done = run(make_spec(epochs=1))
    (done.path / "result.json").unlink()
    assert done.status == "killed"
    with only_writer(done.path):
        assert done.snapshot().status == "running"
    code = (
        f"import sys, pathlib; from backproof.runs.lock import only_writer\n"
        f"with only_writer(pathlib.Path({str(done.path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert done.status == "running"
        holder.kill()
    assert done.status == "killed"


def test_asking_does_not_hinder_a_writer(make_spec) -> None:
    done = run(make_spec(epochs=1))
    with only_writer(done.path):
        assert is_held(done.path)
        with pytest.raises(UserError, match="being trained by another process"), only_writer(done.path):
            pass
    assert not is_held(done.path)
