"""What a metric is: additive statistics of each batch, and one number made of their sums."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

import numpy.typing as npt

from backproof.data.targets import TargetSpec
from backproof.errors import UserError
from backproof.registry import Registry
from backproof.user_file import reporting_failures

Array = npt.NDArray[Any]

Unit = Literal["fraction", "cost", "number"]
"""How a value is written: in percent, as a cost, or as the number it is."""

Better = Literal["higher", "lower"]


class Measure:
    """A value by which networks are compared. The first line of the docstring says what it is.

    Attributes:
        name: under which it is kept, and followed with `--follow`.
        title: on axes and above columns.
        short: the same in as few letters as can be.
        unit: how it is written.
        better: which values are good.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    short: ClassVar[str]
    unit: ClassVar[Unit] = "fraction"
    better: ClassVar[Better] = "higher"

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return (type(self).__doc__ or self.title).partition("\n")[0]

    def improves(self, value: float, best: float | None) -> bool:
        """Whether `value` is better than the `best` so far, of which None is none yet. NaN never is."""
        if best is None:
            best = float("inf") if self.better == "lower" else float("-inf")
        return value < best if self.better == "lower" else value > best


class Metric(Measure):
    """A measure of predictions. Statistics of batches add up, so the value does not depend on how samples are divided.

    Attributes:
        tasks: the tasks that it is for: "classification", "segmentation", "regression".
        streams: whether it is cheap and small enough to be counted in every training step, not in evaluations alone.
    """

    tasks: ClassVar[tuple[str, ...]]
    streams: ClassVar[bool] = False

    def fits(self, targets: TargetSpec) -> bool:  # noqa: ARG002
        """Whether it means something for such targets, of one of its tasks."""
        return True

    def count(self, prediction: Array, target: Array) -> Array:
        """Statistics of a batch, float64, always of one shape; those of two batches together are their sum.

        Args:
            prediction: scores (n, classes) or (n, classes, H, W), probabilities (n, 1, H, W), or numbers (n, K).
            target: class indices (n,) or (n, H, W), probabilities (n, 1, H, W), or numbers (n, K).
        """
        raise NotImplementedError(f"{type(self).__name__} has no method count")

    def value(self, totals: Array) -> float:
        """The metric, from the sums over all batches."""
        raise NotImplementedError(f"{type(self).__name__} has no method value")


class Mean(Metric):
    """A metric whose statistics are a sum and how many were added."""

    def value(self, totals: Array) -> float:
        return float(totals[0] / totals[1])


class Cost(Measure):
    """Loss and L2 penalty."""

    name = title = short = "cost"
    unit, better = "cost", "lower"


class Loss(Measure):
    """The loss of the predictions alone."""

    name = title = short = "loss"
    unit, better = "cost", "lower"


METRICS: Registry[Metric] = Registry("metric", lambda part: isinstance(part, type) and issubclass(part, Metric))
"""Every metric by name."""

NOT_METRICS: dict[str, Measure] = {"cost": Cost(), "loss": Loss()}
"""What the training loop measures itself."""


def measure(name: str) -> Measure:
    """Cost, loss or a metric. Raises `UserError` with the nearest names."""
    return NOT_METRICS.get(name) or METRICS.require(name)


def measure_or_plain(name: str) -> Measure:
    """As `measure`; a metric of a user's file that has not been executed is a number without a direction."""
    plain = {"name": name, "title": name, "short": name, "unit": "number", "better": None, "__doc__": None}
    return NOT_METRICS.get(name) or METRICS.get(name) or type("Plain", (Measure,), plain)()


AnyMetric = TypeVar("AnyMetric", bound=Metric)


def metric(cls: type[AnyMetric]) -> type[AnyMetric]:
    """Class decorator: put a metric into the registry. Raises `UserError` for a name that is given away."""
    if cls.name in NOT_METRICS:
        raise UserError(f"a metric is called '{cls.name}', which the training loop measures itself; rename it")
    METRICS.add(cls.name, cls(), cls)
    return cls


def add(totals: dict[str, Array], metrics: Iterable[Metric], prediction: Array, target: Array) -> None:
    """Count a batch into `totals`: the sums of each metric's statistics, which are replaced and never written into."""
    for each in metrics:
        with reporting_failures(type(each), f"metric '{each.name}'"):
            counted, total = each.count(prediction, target), totals.get(each.name)
            totals[each.name] = counted if total is None else total + counted


def values(totals: Mapping[str, Array]) -> dict[str, float]:
    """The metrics that `totals` were counted for."""
    return {name: _value(METRICS[name], total) for name, total in totals.items()}


def _value(metric: Metric, total: Array) -> float:
    with reporting_failures(type(metric), f"metric '{metric.name}'"):
        return float(metric.value(total))
