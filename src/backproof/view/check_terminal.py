"""A check on one screen: who agrees on what, how close it is to what rounding explains, and what is wrong."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from backproof.verify import CheckReport, Finding
from backproof.view.terminal import standard_console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FAULTS = 12
"""Faults that are told one by one."""


def print_check(reports: Mapping[str, CheckReport], seconds: float, console: "Console | None" = None) -> None:
    """Tables of subjects by engines, the faults, what was left out, and the verdict.

    `reports` are by the kind of their subjects: operations, optimizers, models.
    """
    out = console or standard_console()
    for kind, report in reports.items():
        out.print(check_table(kind, report))
        out.print()
    findings = [f for report in reports.values() for f in report.findings]
    faults = distinct([f for f in findings if not f.passed])
    for fault in faults[:FAULTS]:
        out.print(f"[red]{fault.verdict}[/red]", end=" ")
        out.print(told(fault), markup=False, highlight=False, soft_wrap=True)
    if len(faults) > FAULTS:
        out.print(f"... and {len(faults) - FAULTS} more places", highlight=False)
    for line in left_out(findings):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    out.print(verdict(findings, seconds), highlight=False, soft_wrap=True)


def check_table(kind: str, report: CheckReport) -> "Table":
    """One line a subject: the worst error of each engine in units of the tolerance, and the time."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(kind)
    for engine in report.engines:
        table.add_column(engine, justify="right")
    table.add_column("seconds", justify="right")
    for subject in report.subjects:
        cells = [cell(report.worst(subject, engine)) for engine in report.engines]
        table.add_row(subject, *cells, f"{report.seconds.get(subject, 0.0):.1f}")
    return table


def cell(worst: Finding | None) -> str:
    """The worst finding in a word: its error in units of the tolerance, green or red; - where nothing was judged."""
    if worst is None or worst.verdict == "left out":
        return "[dim]-[/dim]"
    if worst.verdict == "failed":
        return "[red]failed[/red]"
    if worst.judge == "contract" and not worst.passed:
        return "[red]broken[/red]"
    colour = "green" if worst.passed else "red"
    text = f"{worst.badness:.2f}" if worst.badness < 10 else f"{worst.badness:.0e}"
    return f"[{colour}]{'' if worst.passed else '✗ '}{text}[/{colour}]"


def distinct(faults: list[Finding]) -> list[Finding]:
    """The first fault of each array of each subject, engine and judge: other seeds and steps say the same again."""
    first: dict[tuple[str, ...], Finding] = {}
    for f in faults:
        key = (f.subject, f.engine, f.judge, f.what, f.verdict, f.detail if f.verdict == "failed" else "")
        first.setdefault(key, f)
    return list(first.values())


def told(fault: Finding) -> str:
    """A fault in a few lines: what of whom on what, by how much and where, and how to see it again."""
    lines = [f"{fault.subject}: {fault.what} of {fault.engine}, judged by {fault.judge}, on {fault.case or 'anything'}"]
    if fault.judge not in ("contract",) and fault.verdict == "differs":
        lines.append(f"error {fault.error:.2g} in {fault.dtype}, allowed {fault.tolerance:.1g}")
    if fault.detail:
        lines.append(fault.detail)
    if fault.replay:
        lines.append(f"again: {fault.replay}")
    return "\n        ".join(lines)


def left_out(findings: list[Finding]) -> list[str]:
    """What was not judged, by reason: never silently."""
    reasons = Counter((f.detail, f.judge) for f in findings if f.verdict == "left out")
    kinks = sum(f.judge == "numbers" and "kink" in f.detail for f in findings)
    lines = []
    for (reason, judge), count in reasons.items():
        subjects = dict.fromkeys(f.subject for f in findings if f.verdict == "left out" and f.detail == reason)
        names = ", ".join(subjects) if len(subjects) <= 8 else f"{len(subjects)} subjects"
        by = "" if judge == "contract" else f" by {judge}"
        lines.append(f"left out{by}: {names} ({count}): {reason}")
    if kinks:
        lines.append(f"left out by numbers: probes at kinks of {kinks} tensors, whose other probes were judged")
    return lines


def verdict(findings: list[Finding], seconds: float) -> str:
    """One line: how many comparisons, how many faults, how long."""
    judged = [f for f in findings if f.verdict != "left out"]
    faults = sum(not f.passed for f in judged)
    if not judged:
        return f"[red]nothing was judged[/red]; {seconds:.1f} s"
    if faults:
        return f"[red]{faults:,} of {len(judged):,} comparisons disagree[/red]; {seconds:.1f} s"
    worst = max(f.badness for f in judged)
    said = f"[green]all {len(judged):,} comparisons agree[/green]"
    return f"{said}, the worst at {worst:.2f} of its tolerance; {seconds:.1f} s"
