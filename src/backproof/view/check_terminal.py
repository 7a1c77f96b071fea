"""A check on one screen: who agrees on what, how close it is to what rounding explains, and what is wrong."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from backproof.verify import CheckReport, Finding
from backproof.verify.core.ways import WaysTaken
from backproof.verify.tables import check_table
from backproof.view.terminal import print_table, standard_console

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 12
"""Failures that are shown one by one."""


def print_check(reports: Mapping[str, CheckReport], seconds: float, console: "Console | None" = None) -> None:
    """Tables of subjects by engines, the failures, what was skipped, and the verdict.

    `reports` are by the kind of their subjects: operations, optimizers, models.
    """
    out = console or standard_console()
    for kind, report in reports.items():
        print_table(check_table(report, kind), out)
        out.print()
    findings = [f for report in reports.values() for f in report.findings]
    failures = distinct([f for f in findings if not f.passed])
    for failure in failures[:SHOWN]:
        out.print(f"[red]{failure.verdict}[/red]", end=" ")
        out.print(in_words(failure), markup=False, highlight=False, soft_wrap=True)
    if len(failures) > SHOWN:
        out.print(f"... and {len(failures) - SHOWN} more places", highlight=False)
    for line in ways_in_words(CheckReport.joined("all", reports.values()).ways):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in left_out(findings):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    out.print(verdict(findings, seconds), highlight=False, soft_wrap=True)


def ways_in_words(ways: WaysTaken) -> list[str]:
    """A line for the ways that an operation was computed by; engines that took the same ones share it."""
    lines = []
    for name in sorted({name for of_engine in ways.values() for name in of_engine}):
        engines: dict[tuple[str, ...], list[str]] = {}
        for engine, of_engine in ways.items():
            if name in of_engine:
                engines.setdefault(of_engine[name], []).append(engine)
        lines += [f"ways of {', '.join(who)}: {name}: {'; '.join(taken)}" for taken, who in engines.items()]
    return lines


def distinct(failures: list[Finding]) -> list[Finding]:
    """The first failure of each array of each subject, engine and reference: other seeds and steps say the same."""
    first: dict[object, Finding] = {}
    for f in failures:
        key = (f.subject, f.engine, f.reference, f.location, f.verdict, f.detail if f.verdict == "failed" else "")
        first.setdefault(key, f)
    return list(first.values())


def in_words(failure: Finding) -> str:
    """A failure in a few lines: what of which engine on what, by how much and where, and how to see it again."""
    against = f", reference: {failure.reference}," if failure.reference != "contract" else ""
    lines = [f"{failure.subject}: {failure.what} of {failure.engine}{against} on {failure.case or 'anything'}"]
    if failure.reference != "contract" and failure.verdict == "differs":
        lines.append(f"error {failure.error:.2g} in {failure.dtype}, allowed {failure.tolerance:.1g}")
    if failure.detail:
        lines.append(failure.detail)
    if failure.replay:
        lines.append(f"again: {failure.replay}")
    return "\n        ".join(lines)


def left_out(findings: list[Finding]) -> list[str]:
    """What was not compared, by reason: never silently."""
    words = {"skipped": "skipped", "unchecked": "not checked"}
    reasons = Counter((f.verdict, f.detail, f.reference) for f in findings if f.verdict in words)
    kinks = sum(f.reference == "finite differences" and "kink" in f.detail for f in findings)
    lines = []
    for (kind, reason, reference), count in reasons.items():
        subjects = dict.fromkeys(f.subject for f in findings if f.verdict == kind and f.detail == reason)
        names = ", ".join(subjects) if len(subjects) <= 8 else f"{len(subjects)} subjects"
        against = "" if reference == "contract" else f" against {reference}"
        lines.append(f"{words[kind]}{against}: {names} ({count}): {reason}")
    if kinks:
        tensors = f"{kinks} tensor{'s' * (kinks != 1)}"
        lines.append(f"skipped by finite differences: probes at kinks of {tensors}, whose other probes count")
    return lines


def verdict(findings: list[Finding], seconds: float) -> str:
    """One line: how many comparisons, how many failures, how long."""
    compared = [f for f in findings if f.compared]
    unchecked = sum(f.verdict == "unchecked" for f in findings)
    left = f", [red]{unchecked:,} were not checked[/red]" if unchecked else ""
    failures = sum(not f.passed for f in compared)
    if not compared:
        return f"[red]nothing was compared[/red]{left}; {seconds:.1f} s"
    if failures:
        return f"[red]{failures:,} of {len(compared):,} comparisons disagree[/red]{left}; {seconds:.1f} s"
    worst = max(f.badness for f in compared)
    agree = f"[green]all {len(compared):,} comparisons agree[/green]"
    return f"{agree}, the worst at {worst:.2f} of its tolerance{left}; {seconds:.1f} s"
