"""The findings of a check as tables, the same for the terminal and for a page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from backproof.tables import Cell, Column, Table, Value
from backproof.verify.core.finding import CheckReport, Finding, worst_by
from backproof.verify.networks.dispute import Dispute
from backproof.verify.networks.report import ModelReport


def check_table(report: CheckReport, kind: str = "") -> Table:
    """One line a subject (of a network: an operation): the worst error of each engine in units of the tolerance."""
    findings, columns = report.findings, [Column(kind)]
    if isinstance(report, ModelReport):
        operations = {node.name: type(node.op).__name__ for node in report.graph.nodes}
        nodes = Counter(operations[name] for name in {f.subject for f in findings} & operations.keys())
        isolated = (f for f in findings if f.case == "isolated")
        findings = tuple(replace(f, subject=operations[f.subject]) for f in isolated)
        columns = [Column("operation"), Column("nodes", "count")]
    columns += [
        Column(engine, "ratio", meaning="Error in units of what rounding explains") for engine in report.engines
    ]
    columns += [Column("time", "seconds")] if not isinstance(report, ModelReport) else []
    worst = worst_by(findings, lambda f: (f.subject, f.engine))
    rows: list[list[Value]] = []
    for subject in dict.fromkeys(f.subject for f in findings):
        cells = [_cell(worst.get((subject, engine))) for engine in report.engines]
        if isinstance(report, ModelReport):
            rows.append([subject, nodes[subject], *cells])
        else:
            rows.append([subject, *cells, report.seconds.get(subject)])
    return Table.of(columns, rows)


def _cell(worst: Finding | None) -> Cell:
    """The worst finding in a word."""
    if worst is None or worst.verdict == "skipped":
        return Cell("-", "muted", hint=worst.detail if worst else "")
    if worst.verdict == "unchecked":
        return Cell("not checked", "muted", hint=worst.detail)
    hint = f"{worst.case}: {worst.what}; error {worst.error:.1e}, allowed {worst.tolerance:.1e}; {worst.detail}"
    if worst.verdict == "failed":
        return Cell("failed", "differs", hint=hint)
    if worst.reference == "contract" and not worst.passed:
        return Cell("broken", "differs", hint=hint)
    value = worst.badness if worst.badness < 10 else f"{worst.badness:.0e}"
    return Cell(value, "agrees" if worst.passed else "differs", hint=hint)


def ways_table(report: CheckReport) -> Table:
    """One line an operation: the ways that each engine took."""
    names = sorted({name for ways in report.ways.values() for name in ways})
    rows = [[name, *("; ".join(ways.get(name, ())) for ways in report.ways.values())] for name in names]
    return Table.of(["operation", *report.ways], rows)


def disputes_table(disputes: Sequence[Dispute]) -> Table:
    """One line an array on which engines part: who agrees with whom, what numbers say of each, and who is wrong."""
    return Table.of(
        ["node", "array", "agree with each other", "off from finite differences, as a share", "wrong"],
        (
            [
                d.subject,
                str(d.location),
                " | ".join(", ".join(group) for group in d.groups),
                ", ".join(f"{name} {share:.2g}" for name, share in d.numbers.items()) or "-",
                ", ".join(d.wrong) + (", as the reference has it" if d.alone else ""),
            ]
            for d in disputes
        ),
    )


def failures_table(failures: Sequence[Finding]) -> Table:
    """One line a failure, with what shows it again."""
    return Table.of(
        ["where", "what", "engine", Column("error", "error"), "detail"],
        ([Cell(f.subject, note=f.case), f.what, f.engine, f.error, Cell(f.detail, note=f.replay)] for f in failures),
    )
