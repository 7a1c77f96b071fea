"""Processes that are killed or interrupted in the middle of a run."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backproof.errors import UserError
from backproof.runs.launch import resume, run
from backproof.runs.spec import RunSpec
from backproof.runs.store import Run, open_run
from backproof.runs.toml import to_toml

CHILD = """
import sys
from backproof.runs.launch import resume, run
from backproof.runs.toml import load_experiments
from backproof.train.events import Observer

class Tell(Observer):
    def step_done(self, event):
        print(event.progress.step, flush=True)

how, path = sys.argv[1:]
done = run(load_experiments(path)[0], [Tell()]) if how == "run" else resume(path, [Tell()])
print(done.status, flush=True)
"""


def start(how: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, how, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def long_run(make_spec: Callable[..., RunSpec], epochs: int) -> RunSpec:
    return make_spec(
        epochs=epochs, batch_norm=True, dropout=0.2, optimizer="adam", learning_rate=0.01, noise=0.1, batch_size=8,
        checkpoint_every=1, early_stopping=3, name="long",
    )  # fmt: skip


def kill_again_and_again(
    spec: RunSpec, whole: Run, kills: int, rng: random.Random, tmp_path: Path, same: Callable[[Run, Run], None]
) -> None:
    """Kill -9 at random moments, some of them before the first step; then let it end."""
    config = tmp_path / "spec.toml"
    config.write_text(to_toml(spec))
    folder = Path(spec.output.runs_dir) / spec.output.name
    for _ in range(kills):
        child = start("resume" if folder.exists() else "run", folder if folder.exists() else config)
        assert child.stdout is not None
        assert child.stderr is not None
        told = []
        if rng.random() < 0.8:
            told.append(child.stdout.readline())
            time.sleep(rng.uniform(0, 0.05))
        else:
            time.sleep(rng.uniform(0, 1))
        child.kill()
        rest, errors = child.communicate()
        told += rest.split()
        assert errors == ""
        assert "finished" not in told, "the run was too short for so many kills"
        if told:
            kept = open_run(folder)
            assert kept.status == "killed"
            assert 0 <= kept.checkpoint().progress.step - int(told[-1]) <= 1, "nothing lost but the step under way"
    assert not list(folder.parent.glob("*-2"))
    same(resume(folder), whole)


def test_killed_twice(make_spec, tmp_path: Path, assert_same_end) -> None:
    spec = long_run(make_spec, epochs=40)
    whole = run(replace(spec, output=replace(spec.output, name="whole")))
    kill_again_and_again(spec, whole, 2, random.Random(3), tmp_path, assert_same_end)


@pytest.mark.slow
def test_killed_twenty_times(make_spec, tmp_path: Path, assert_same_end) -> None:
    spec = long_run(make_spec, epochs=400)
    whole = run(replace(spec, output=replace(spec.output, name="whole")))
    kill_again_and_again(spec, whole, 20, random.Random(1), tmp_path, assert_same_end)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_cleanly(make_spec, tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "spec.toml"
    config.write_text(to_toml(long_run(make_spec, epochs=100_000)))
    child = start("run", config)
    assert child.stdout is not None
    first = child.stdout.readline()
    child.send_signal(number)
    told, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (0, "")
    steps = (first + told).split()
    assert steps[-1] == "interrupted"
    kept = open_run(tmp_path / "runs" / "long")
    assert kept.status == "interrupted"
    assert kept.checkpoint().progress.step == int(steps[-2])
    result = kept.result()
    assert result is not None
    assert result.epochs == len(kept.epochs())


def test_second_interrupt_stops_at_once(make_spec, tmp_path: Path) -> None:
    config = tmp_path / "spec.toml"
    spec = make_spec(name="slow", engine="reference", dtype="float64", layers=(400, 400), batch_size="full")
    config.write_text(to_toml(spec))
    child = start("run", config)
    folder = tmp_path / "runs" / "slow"
    while not folder.exists():
        assert child.poll() is None
        time.sleep(0.01)
    for _ in range(2):  # the one step would take minutes
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode != 0
    assert "KeyboardInterrupt" in errors
    kept = open_run(folder)
    assert kept.status == "interrupted"
    assert kept.checkpoint().progress.step == 0


def test_one_writer_at_a_time(make_spec, tmp_path: Path) -> None:
    config = tmp_path / "spec.toml"
    config.write_text(to_toml(long_run(make_spec, epochs=100_000)))
    child = start("run", config)
    assert child.stdout is not None
    child.stdout.readline()
    with pytest.raises(UserError, match="run 'long' is being trained by another process"):
        resume(tmp_path / "runs" / "long")
    child.kill()
    child.communicate()
    assert open_run(tmp_path / "runs" / "long").status == "killed"
