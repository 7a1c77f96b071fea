"""What every check hands back: findings, each one comparison, and the report that holds them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import inf, isnan
from typing import Any, Literal

from backproof.engines import DType
from backproof.strict_json import dumps, loads

Verdict = Literal["agrees", "differs", "failed", "left out"]
"""`failed`: could not be computed. `left out`: not judged. The detail says why."""


@dataclass(frozen=True)
class Finding:
    """One comparison: who was judged, by whom, on what, and what came of it.

    Attributes:
        subject: what was checked, such as Conv2d, layer3.4.conv2, Adam.
        case: which sample, seed, step or pass of it.
        what: which array or promise: output, gradient of weight, state running_mean, inputs unchanged.
        engine: who is judged.
        judge: by whom: an engine, or numbers (finite differences), complex step, pytorch expression.
        dtype: what the judged engine computed in.
        error: how far off, as `tolerances.difference` measures it where the check has no measure of its own: infinite
            for unequal shapes and broken promises, NaN where either has NaN.
        tolerance: what rounding explains.
        verdict: what came of it.
        detail: one sentence: the worst coordinate with both values, the error message, why it was left out.
        replay: a command line that shows this again.
    """

    subject: str
    case: str
    what: str
    engine: str
    judge: str
    dtype: DType
    error: float
    tolerance: float
    verdict: Verdict
    detail: str = ""
    replay: str = ""

    @property
    def passed(self) -> bool:
        """Nothing speaks against the engine. What was left out is counted, and no fault."""
        return self.verdict in ("agrees", "left out")

    @property
    def badness(self) -> float:
        """The error in units of the tolerance; infinite for NaN and for what failed, -1 for what was left out."""
        if self.verdict == "left out":
            return -1.0
        if self.verdict == "failed" or isnan(self.error):
            return inf
        if self.tolerance == 0:
            return inf if self.error else 0.0
        return self.error / self.tolerance

    def __str__(self) -> str:
        where = f"{self.subject}, {self.case}: " if self.case else f"{self.subject}: "
        who = f"{self.what} of {self.engine} in {self.dtype}"
        match self.verdict:
            case "agrees" | "differs":
                text = (
                    f"{who} {self.verdict} (judge: {self.judge}): error {self.error:.2g}, allowed {self.tolerance:.2g}"
                )
            case "failed" | "left out":
                text = f"{who} {self.verdict}"
        return where + text + (f"; {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class CheckReport:
    """All findings of a check, in the order in which a reader should meet them (nodes: that of the computation).

    Attributes:
        title: what was checked.
        findings: every comparison.
        seconds: wall-clock time by subject.
    """

    title: str
    findings: tuple[Finding, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Something was judged, and nothing of it differs or failed."""
        return any(f.verdict != "left out" for f in self.findings) and not self.failures

    @cached_property
    def failures(self) -> tuple[Finding, ...]:
        """What differs or failed, in order."""
        return tuple(f for f in self.findings if not f.passed)

    @cached_property
    def left_out(self) -> tuple[Finding, ...]:
        """What was not judged, in order."""
        return tuple(f for f in self.findings if f.verdict == "left out")

    @property
    def first_at_fault(self) -> Finding | None:
        """The first finding that differs or failed, or None."""
        return self.failures[0] if self.failures else None

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Everything that was checked, in order."""
        return tuple(dict.fromkeys(f.subject for f in self.findings))

    @cached_property
    def engines(self) -> tuple[str, ...]:
        """Everyone who was judged, in order."""
        return tuple(dict.fromkeys(f.engine for f in self.findings))

    @cached_property
    def _worst(self) -> dict[tuple[str, str], Finding]:
        worst: dict[tuple[str, str], Finding] = {}
        for f in self.findings:
            before = worst.get((f.subject, f.engine))
            if before is None or (f.passed, -f.badness) < (before.passed, -before.badness):
                worst[f.subject, f.engine] = f
        return worst

    def worst(self, subject: str, engine: str) -> Finding | None:
        """The finding that speaks most against `engine` on `subject`: faults first, then the largest error.

        None where nothing is known of the two together.
        """
        return self._worst.get((subject, engine))

    def to_json(self) -> str:
        """The report as JSON, indented. Numbers that JSON has not are the strings "NaN", "Infinity", "-Infinity"."""
        return dumps(self._content(), indent=1)

    def _content(self) -> dict[str, Any]:
        """What `to_json` writes."""
        return {
            "title": self.title,
            "passed": self.passed,
            "seconds": dict(self.seconds),
            "findings": [asdict(f) for f in self.findings],
        }

    @staticmethod
    def from_json(text: str) -> "CheckReport":
        """Title, findings and times of what `to_json` of any report wrote."""
        return loads(text, CheckReport)

    @classmethod
    def joined(cls, title: str, reports: Iterable["CheckReport"]) -> "CheckReport":
        """One report out of several; times of the same subject add up."""
        findings: list[Finding] = []
        seconds: dict[str, float] = {}
        for report in reports:
            findings += report.findings
            for subject, time in report.seconds.items():
                seconds[subject] = seconds.get(subject, 0.0) + time
        return cls(title, tuple(findings), seconds)
