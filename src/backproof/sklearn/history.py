"""What a fit records of itself."""

from backproof.graph import Arrays
from backproof.sklearn.errors import EstimatorError
from backproof.train.events import AnomalyFound, EpochDone, Observer
from backproof.train.progress import EpochRecord


class History(Observer):
    """Keeps what was measured of each epoch and, of the epoch with the lowest validation cost, the weights.

    `score` is the metric to print. Raises `EstimatorError`, which ends the fit, once the loss is no longer finite.
    """

    def __init__(self, score: str, *, verbose: bool) -> None:
        self._score = score
        self.records: list[EpochRecord] = []
        self.best: Arrays = {}
        self._verbose = verbose

    def epoch_done(self, event: EpochDone) -> None:
        """Keep it, and print it if the user wants to see it."""
        record = event.record
        self.records.append(record)
        if event.best:
            self.best = event.trainer.parameters()
        if self._verbose:
            dev = record.dev
            said = f", validation loss {dev.loss:.4f}, {self._score} {dev[self._score]:.4f}" if dev else ""
            print(f"epoch {record.epoch}: loss {record.train.loss:.4f}{said}")

    def anomaly_found(self, event: AnomalyFound) -> None:
        """End the fit."""
        raise EstimatorError(
            f"the loss is no longer finite in epoch {event.epoch}, step {event.step}; a smaller learning_rate may "
            f"help, or inputs of mean 0 and variance 1, such as StandardScaler gives"
        )
