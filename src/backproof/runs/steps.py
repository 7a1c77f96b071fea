"""Records of training steps, so that a page of a running run has curves within an epoch."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic

from backproof.runs.store import StepRecord
from backproof.runs.writer import writing
from backproof.strict_json import dumps
from backproof.train.checkpoint import write_atomically
from backproof.train.events import Observer, RunStarted, StepDone
from backproof.train.progress import Progress

SECONDS = 0.25
"""Between two records at least."""

MOST = 2000
"""Records kept: when there are more every second one is dropped, and they come half as often from then on."""


class StepRecorder(Observer):
    """Appends a line to steps.jsonl now and then.

    Args:
        folder: the run's.
        rate: the learning rate of a step, counted from 0.
        seconds: between two records at least.
        most: records in the file at most.
    """

    def __init__(self, folder: Path, rate: Callable[[int], float], seconds: float = SECONDS, most: int = MOST) -> None:
        self._file = folder / "steps.jsonl"
        self._rate = rate
        self._seconds = seconds
        self._most = most
        self._lines = len(self._file.read_bytes().splitlines()) if self._file.exists() else 0
        self._latest = float("-inf")
        self._counted = Progress()

    def run_started(self, event: RunStarted) -> None:
        """What an interrupted epoch has counted already is not counted again."""
        self._counted = _copy(event.progress)

    def step_done(self, event: StepDone) -> None:
        """Write, if it is time."""
        if (now := monotonic()) - self._latest < self._seconds:
            return
        self._latest = now
        progress = event.progress
        record = StepRecord(
            step=progress.step,
            epoch=progress.epoch,
            train=progress.means_since(self._counted if self._counted.epoch == progress.epoch else None),
            learning_rate=self._rate(progress.step - 1),
            seconds=progress.seconds + progress.training_seconds,
        )
        self._counted = _copy(progress)
        with writing(self._file.parent):
            with self._file.open("a") as file:
                file.write(dumps(asdict(record)) + "\n")
            self._lines += 1
            if self._lines > self._most:
                kept = self._file.read_text().splitlines(keepends=True)[::-2][::-1]  # the newest among them
                write_atomically(self._file, "".join(kept).encode())
                self._lines, self._seconds = len(kept), 2 * self._seconds


def _copy(progress: Progress) -> Progress:
    return replace(progress, totals=dict(progress.totals))
