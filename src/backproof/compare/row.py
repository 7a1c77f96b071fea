"""The figures of one run."""

from dataclasses import dataclass

from backproof.compare.columns import Column


@dataclass(frozen=True, kw_only=True)
class Row:
    """The figures of one run; None is what the run has not, or not yet.

    A finished run's figures are measured on its final weights. Those of a run that is still going, or was killed,
    are of its last epoch: there the train figures are means over the epoch's minibatches, taken while it learned.

    Attributes:
        epochs: epochs done; `planned_epochs` is how many it was to do.
        train_accuracy, dev_accuracy, avoidable_bias, variance, test_accuracy, test_macro_f1: fractions of 1.
        seconds: wall-clock time of the training; for a run without a result the sum over its epochs.
        peak_memory_mb: most resident memory of the whole process when the run ended, in MB; runs before it in the
            same process count.
    """

    name: str
    status: str
    epochs: int
    planned_epochs: int
    model: str
    engine: str
    optimizer: str
    parameters: int
    train_samples: int
    parameters_per_sample: float | None
    train_cost: float | None = None
    train_accuracy: float | None = None
    dev_cost: float | None = None
    dev_accuracy: float | None = None
    early_stop_epoch: int | None = None
    avoidable_bias: float | None = None
    variance: float | None = None
    test_accuracy: float | None = None
    test_macro_f1: float | None = None
    seconds: float | None = None
    peak_memory_mb: float | None = None

    def value(self, column: Column) -> str | float | None:
        """What stands in `column`."""
        value: str | float | None = getattr(self, column.key)
        return value
