"""Training as it is told to a terminal and to a pipe."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from backproof.data import TargetSpec
from backproof.metrics import Metrics
from backproof.tasks import Classification
from backproof.train.events import (
    AnomalyFound,
    EarlyStopMarked,
    EpochDone,
    EpochStarted,
    GradientsChecked,
    Interrupted,
    RunFinished,
    RunStarted,
    StepDone,
)
from backproof.train.progress import EpochRecord, Progress
from backproof.view import TerminalProgress
from backproof.view import progress as progress_module

TRAIN = Metrics(cost=2.25, loss=2.2, accuracy=0.195)
DEV = Metrics(cost=2.1, loss=2.1, accuracy=0.31)
RECORD = EpochRecord(1, 20, TRAIN, DEV, 0.1, 0.42, 24500.0)


def started(tmp_path, progress: Progress | None = None) -> RunStarted:
    return RunStarted(
        name="mlp-numpy",
        folder=tmp_path / "runs" / "mlp-numpy",
        graph=SimpleNamespace(parameter_count=6570),
        trainer=None,
        engine=SimpleNamespace(name="numpy"),
        epochs=10,
        batches_per_epoch=20,
        samples_per_epoch=1258,
        progress=progress or Progress(),
        task=Classification(TargetSpec("class", ("0", "1"))),
        classes=("0", "1"),
        notes=("2 images were left out",),
    )


def done(record: EpochRecord = RECORD, *, best: bool = False) -> EpochDone:
    return EpochDone(record, None, best, Progress(epoch=record.epoch + 1), None)


@pytest.fixture
def told():
    """An observer that writes to a file, and what it has written."""
    out = io.StringIO()
    return TerminalProgress(Console(file=out, width=120)), out


def test_run_and_epoch_have_a_line_each(told, tmp_path):
    observer, out = told
    observer.run_started(started(tmp_path))
    observer.epoch_started(EpochStarted(1, 0))
    observer.epoch_done(done(best=True))
    lines = out.getvalue().splitlines()
    assert " ".join(lines[1].split()) == "mlp-numpy numpy, 6,570 parameters, 1,258 samples an epoch in 20 batches"
    assert lines[2] == "note: 2 images were left out"
    assert " ".join(lines[-1].split()) == "1/10 2.2500 19.50 % 2.1000 31.00 % 0.42 s 24,500 *"
    heading, figures = lines[-2], lines[-1]
    for head, cell in (("train cost", "2.2500"), ("dev cost", "2.1000"), ("time", "0.42 s"), ("samples/s", "24,500")):
        assert heading.index(head) + len(head) == figures.index(cell) + len(cell)


def test_pipe_gets_no_bar_and_no_colours(told, tmp_path):
    observer, out = told
    observer.run_started(started(tmp_path))
    observer.epoch_started(EpochStarted(1, 0))
    observer.step_done(StepDone(Progress(batch=1, samples=64), None, None))
    observer.epoch_done(done())
    assert "\x1b" not in out.getvalue()
    assert "━" not in out.getvalue()


def test_terminal_gets_a_bar_that_leaves(monkeypatch, tmp_path):
    monkeypatch.setattr(progress_module, "REFRESH", 0.0)
    out = io.StringIO()
    observer = TerminalProgress(Console(file=out, width=120, force_terminal=True, color_system=None))
    observer.run_started(started(tmp_path))
    observer.epoch_started(EpochStarted(1, 0))
    observer.step_done(
        StepDone(
            Progress(batch=5, samples=320, counted=320.0, cost=320.0, totals={"accuracy": np.array([160.0, 320.0])}),
            None,
            None,
        )
    )
    bar = out.getvalue()
    assert "5/20" in bar
    assert "cost 1.0000, accuracy 50.00 %" in bar
    observer.epoch_done(done())
    observer.close()
    assert "\x1b[2K" in out.getvalue()  # the bar's line is wiped
    assert out.getvalue().endswith("24,500\n")


def test_epoch_without_dev(told, tmp_path):
    observer, out = told
    observer.run_started(started(tmp_path))
    observer.epoch_done(done(replace(RECORD, dev=None)))
    assert " ".join(out.getvalue().splitlines()[-1].split()) == "1/10 2.2500 19.50 % – – 0.42 s 24,500"


def test_early_stop_is_marked_and_explained(told, tmp_path):
    observer, out = told
    observer.run_started(started(tmp_path))
    observer.epoch_done(done(replace(RECORD, epoch=7, early_stop=True)))
    observer.early_stop_marked(EarlyStopMarked(7, 4, 3))
    line, explained = out.getvalue().splitlines()[-2:]
    assert line.endswith("early stop")
    assert "marks epoch 7" in explained
    assert "since epoch 4" in explained


def test_problems_are_warned_of_and_checks_counted(told, tmp_path):
    observer, out = told
    observer.run_started(started(tmp_path))
    observer.anomaly_found(AnomalyFound(1, 3, "relu1", "forward", "epoch 1, step 3: NaN in relu1"))
    observer.gradients_checked(GradientsChecked(1, 1, True, 1.2e-8, "fine"))
    observer.gradients_checked(GradientsChecked(1, 2, False, 0.5, "epoch 1, step 2: [fc1] differs"))
    observer.run_finished(RunFinished("mlp-numpy", tmp_path, "finished", 75.2))
    text = out.getvalue()
    assert "warning: epoch 1, step 3: NaN in relu1" in text
    assert "warning: epoch 1, step 2: [fc1] differs" in text
    assert "fine" not in text
    assert "gradient checks passed: 1, largest relative error 1.2e-08" in text
    assert f"finished after 1 min 15 s, kept in {tmp_path}" in text


def test_interrupted_run_says_how_to_go_on(told, tmp_path):
    observer, out = told
    observer.run_started(started(tmp_path))
    observer.interrupted(Interrupted(Progress(epoch=3, step=41)))
    observer.run_finished(RunFinished("mlp-numpy", tmp_path, "interrupted", 1.0))
    assert "interrupted in epoch 3, after step 41" in out.getvalue()
    assert f"backproof train --resume {tmp_path}" in out.getvalue()


def test_resumed_run_says_where(told, tmp_path):
    observer, out = told
    observer.run_started(started(tmp_path, Progress(epoch=3, step=1041)))
    assert "goes on in epoch 3, after step 1,041" in out.getvalue()
