"""`--dump-batches`: what the model sees, once an epoch."""

from pathlib import Path

from backproof.data import TargetSpec, dump_batches
from backproof.train.events import Observer, StepStarting


class DumpBatches(Observer):
    """Writes the first batch of each epoch as an image."""

    def __init__(self, directory: Path, targets: TargetSpec) -> None:
        self._directory = directory
        self._targets = targets

    def step_starting(self, event: StepStarting) -> None:
        """Only at an epoch's first batch."""
        progress = event.progress
        if progress.batch == 0:
            dump_batches(self._directory, event.batch, progress.epoch, progress.step, self._targets)
