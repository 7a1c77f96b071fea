"""What every check hands back: findings, each one comparison, and the report that holds them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import inf, isnan
from typing import Any, Literal, TypeVar

from backproof.engines import DType
from backproof.strict_json import dumps, loads
from backproof.verify.core.location import Location
from backproof.verify.core.ways import Ways, WaysTaken

Verdict = Literal["agrees", "differs", "failed", "skipped", "unchecked"]
"""`failed`: could not be computed. `skipped`: there is nothing to compare. `unchecked`: asked for, and there is no
reference that could be afforded. The detail says why."""


@dataclass(frozen=True)
class Finding:
    """One comparison: an engine's result at a location against a reference, and what came of it.

    Attributes:
        subject: what was checked, such as Conv2d, layer3.4.conv2, Adam.
        case: which sample, seed, step or pass of it.
        location: which array, or which part of the contract that all engines keep.
        engine: what is checked.
        reference: where the expected values are from: an engine, finite differences, complex step, PyTorch expression;
            "contract" where there are none.
        dtype: what the engine computed in.
        error: how far off, as `tolerances.difference` measures it where the check has no measure of its own: infinite
            for unequal shapes and a broken contract, NaN where either has NaN.
        tolerance: what rounding explains.
        verdict: what came of it.
        detail: one sentence: the worst coordinate with both values, the error message, why it was skipped.
        replay: a command line that shows this again.
    """

    subject: str
    case: str
    location: Location
    engine: str
    reference: str
    dtype: DType
    error: float
    tolerance: float
    verdict: Verdict
    detail: str = ""
    replay: str = ""

    @property
    def what(self) -> str:
        """The location in words: output, gradient of weight, inputs unchanged."""
        return str(self.location)

    @property
    def passed(self) -> bool:
        """Not wrong. What was skipped or not checked is counted, and no error."""
        return self.verdict not in ("differs", "failed")

    @property
    def compared(self) -> bool:
        """There was something to compare with."""
        return self.verdict not in ("skipped", "unchecked")

    @property
    def badness(self) -> float:
        """The error in units of the tolerance; infinite for NaN and for what failed, -1 for what was not compared."""
        if not self.compared:
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
                    f"{who} {self.verdict} (reference: {self.reference}): error {self.error:.2g}, "
                    f"allowed {self.tolerance:.2g}"
                )
            case "failed" | "skipped":
                text = f"{who} {self.verdict}"
            case "unchecked":
                text = f"{who} not checked"
        return where + text + (f"; {self.detail}" if self.detail else "")


Key = TypeVar("Key")


def worst_by(findings: Iterable[Finding], key: Callable[[Finding], Key]) -> dict[Key, Finding]:
    """The worst finding of each `key`: failures first, what was not checked, the largest error; in the given order."""
    worst: dict[Key, Finding] = {}
    for f in findings:
        before = worst.get(key(f))
        if before is None or _rank(f) < _rank(before):
            worst[key(f)] = f
    return worst


def _rank(f: Finding) -> tuple[bool, bool, float]:
    return f.passed, f.verdict != "unchecked", -f.badness


@dataclass(frozen=True)
class CheckReport:
    """All findings of a check, in the order in which a reader should meet them (nodes: that of the computation).

    Attributes:
        title: what was checked.
        findings: every comparison.
        seconds: wall-clock time by subject.
        ways: those that engines took, of several that lead to the same numbers: by engine, then by operation.
    """

    title: str
    findings: tuple[Finding, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    ways: WaysTaken = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Something was compared, nothing of it differs or failed, and nothing was left unchecked."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """0: all agree; 1: something differs or failed; 3: nothing does, but something, or all, was not compared."""
        if self.failures:
            return 1
        return 3 if self.unchecked or not self.compared else 0

    @cached_property
    def compared(self) -> tuple[Finding, ...]:
        """What was compared, in order."""
        return tuple(f for f in self.findings if f.compared)

    @cached_property
    def failures(self) -> tuple[Finding, ...]:
        """What differs or failed, in order."""
        return tuple(f for f in self.findings if not f.passed)

    @cached_property
    def skipped(self) -> tuple[Finding, ...]:
        """Where there was nothing to compare, in order."""
        return tuple(f for f in self.findings if f.verdict == "skipped")

    @cached_property
    def unchecked(self) -> tuple[Finding, ...]:
        """What was asked for and has no reference, in order."""
        return tuple(f for f in self.findings if f.verdict == "unchecked")

    @property
    def first_failure(self) -> Finding | None:
        """The finding to look at first, or None if all is right."""
        return self.failures[0] if self.failures else None

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Everything that was checked, in order."""
        return tuple(dict.fromkeys(f.subject for f in self.findings))

    @cached_property
    def engines(self) -> tuple[str, ...]:
        """All that were checked, in order."""
        return tuple(dict.fromkeys(f.engine for f in self.findings))

    @cached_property
    def _worst(self) -> dict[tuple[str, str], Finding]:
        return worst_by(self.findings, lambda f: (f.subject, f.engine))

    def worst(self, subject: str, engine: str) -> Finding | None:
        """The worst finding of `engine` on `subject`, as `worst_by` has it; None where there is none."""
        return self._worst.get((subject, engine))

    def to_json(self) -> str:
        """The report as JSON, indented. Numbers that JSON lacks are the strings "NaN", "Infinity", "-Infinity"."""
        return dumps(self._content(), indent=1)

    def _content(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "passed": self.passed,
            "seconds": dict(self.seconds),
            "ways": self.ways,
            "findings": [asdict(f) for f in self.findings],
        }

    @staticmethod
    def from_json(text: str) -> "CheckReport":
        """Title, findings, times and ways of what `to_json` of any report wrote."""
        return loads(text, CheckReport)

    @classmethod
    def joined(cls, title: str, reports: Iterable["CheckReport"]) -> "CheckReport":
        """One report out of several; times of the same subject add up, and ways are joined."""
        reports = list(reports)
        findings: list[Finding] = []
        seconds: dict[str, float] = {}
        for report in reports:
            findings += report.findings
            for subject, time in report.seconds.items():
                seconds[subject] = seconds.get(subject, 0.0) + time
        return cls(title, tuple(findings), seconds, Ways.joined(report.ways for report in reports))
