"""What was measured: times of one contender at one thing, and experiments, which are many of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Times of one contender at one thing, in seconds.

    Attributes:
        contender: whose.
        subject: what was computed: a network's name, or an operation on a shape.
        part: what a time is of: "epoch", "step", "forward", ...
        settings: threads, batch size, width, ...: numbers by name.
        seconds: every time that counts, all rounds.
        warm_up: the first time, which does not count; None where nothing was warmed up.
        peak_memory_mb: the most memory that the process ever held, 10⁶ bytes.
        samples: samples that go by in one time.
        flops: floating-point operations in one time; 0 where nobody counts them.
        count: how often the network has the subject.
    """

    contender: str
    subject: str
    part: str
    settings: Mapping[str, int]
    seconds: tuple[float, ...]
    warm_up: float | None = None
    peak_memory_mb: float | None = None
    samples: int = 1
    flops: int = 0
    count: int = 1

    @property
    def median(self) -> float:
        """Of all times."""
        return median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The ends of the interquartile range."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        low, _, high = quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    @property
    def place(self) -> tuple[Any, ...]:
        """What contenders have in common: subject, part and settings."""
        return self.subject, self.part, *sorted(self.settings.items())


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Measurements that belong together.

    Attributes:
        name: short, for files and anchors.
        kind: "train", "op", "data" or "startup": how it is shown.
        title: a heading.
        note: one or two sentences on what was timed.
        against: the contender to which ratios are given; "" for none.
        measurements: all of them.
        peak_gflops: of one large matrix product in float32, the best that any contender reached, by threads.
        load: the machine's load average over the last minute, before and after; () where it does not say.
        agreement: the largest relative difference of the contenders' results in float64; None where not compared.
    """

    name: str
    kind: str
    title: str
    note: str
    against: str
    measurements: tuple[Measurement, ...]
    peak_gflops: Mapping[int, float] = field(default_factory=dict)
    load: tuple[float, ...] = ()
    agreement: float | None = None

    def ratio(self, measurement: Measurement) -> float | None:
        """Its median over that of `against` at the same thing."""
        baseline = self.baseline(measurement)
        return measurement.median / baseline.median if baseline else None

    def baseline(self, measurement: Measurement) -> Measurement | None:
        """What `against` measured at the same thing."""
        return next(
            (m for m in self.measurements if m.contender == self.against and m.place == measurement.place), None
        )


def contenders(measurements: Sequence[Measurement]) -> list[str]:
    """Their names, in the order of appearance."""
    return list(dict.fromkeys(m.contender for m in measurements))
