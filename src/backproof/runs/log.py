"""The detailed log of a run: beside it in log.txt, and on the terminal."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from backproof.train.events import (
    AnomalyFound,
    EarlyStopMarked,
    EnginesCompared,
    EpochDone,
    EpochStarted,
    GradientsChecked,
    Interrupted,
    Observer,
    RunFinished,
    RunStarted,
    StepDone,
)

logger = logging.getLogger("backproof.run")


class UTCFormatter(logging.Formatter):
    """Times as ISO 8601 in UTC, with milliseconds."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        """The time of `record`."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Log(Observer):
    """Writes a line for every event; each step is one."""

    def __init__(self, folder: Path) -> None:
        self._handlers: list[logging.Handler] = [logging.FileHandler(folder / "log.txt"), logging.StreamHandler()]
        for handler in self._handlers:
            handler.setFormatter(UTCFormatter("%(asctime)s %(levelname)s %(message)s"))
            logger.addHandler(handler)
        self._level = logger.level
        logger.setLevel(logging.DEBUG)
        logger.propagate = False

    def close(self) -> None:
        """Stop logging, whatever happened."""
        for handler in self._handlers:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(self._level)
        logger.propagate = True

    def run_started(self, event: RunStarted) -> None:
        """Network and amounts."""
        logger.info("run '%s' in %s: %d epochs", event.name, event.folder, event.epochs)
        logger.info("an epoch: %d samples in %d batches", event.samples_per_epoch, event.batches_per_epoch)
        for note in event.notes:
            logger.warning("data: %s", note)
        logger.debug("network:\n%s", event.graph.summary())

    def epoch_started(self, event: EpochStarted) -> None:
        """Where it begins."""
        logger.info("epoch %d begins at batch %d", event.epoch, event.batch + 1)

    def step_done(self, event: StepDone) -> None:
        """Cost and samples."""
        progress, result = event.progress, event.result
        logger.debug(
            "epoch %d step %d: cost %.6g, loss %.6g, %d samples, first id %d",
            progress.epoch, progress.step, result.cost, result.loss, len(event.batch.y), event.batch.ids[0],
        )  # fmt: skip

    def epoch_done(self, event: EpochDone) -> None:
        """Figures."""
        logger.info("epoch %d done: %s", event.record.epoch, event.record)

    def early_stop_marked(self, event: EarlyStopMarked) -> None:
        """The mark."""
        logger.info("early stop marked at epoch %d; best was epoch %d", event.epoch, event.best_epoch)

    def anomaly_found(self, event: AnomalyFound) -> None:
        """The problem."""
        logger.warning(event.message)

    def gradients_checked(self, event: GradientsChecked) -> None:
        """The report."""
        logger.log(logging.INFO if event.passed else logging.WARNING, event.message)

    def engines_compared(self, event: EnginesCompared) -> None:
        """Whether the second engine agrees."""
        logger.log(logging.DEBUG if event.passed else logging.WARNING, event.message)

    def interrupted(self, event: Interrupted) -> None:
        """After which step."""
        logger.warning("interrupted after step %d, in epoch %d", event.progress.step, event.progress.epoch)

    def run_finished(self, event: RunFinished) -> None:
        """How it ended."""
        logger.info("run '%s' %s after %.3f s", event.name, event.status, event.seconds)
