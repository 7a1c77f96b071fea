"""Experiments as tables in the terminal."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from backproof.bench.growth import Curve, curves
from backproof.bench.measurement import Experiment, Measurement
from backproof.bench.operations import totals

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 130
"""Columns that a pipe or a file is taken to have."""

OPERATION_PARTS = ("forward", "to input", "to weights", "backward", "all")


def print_experiment(experiment: Experiment, console: "Console | None" = None) -> None:
    """Title, table, growth."""
    out = console or standard_console()
    out.print(f"\n[bold]{experiment.title}[/bold]", highlight=False)
    out.print(experiment.note, highlight=False)
    out.print(facts(experiment), highlight=False)
    out.print()
    for table in TABLES[experiment.kind](experiment):
        out.print(table)
    for curve in curves(experiment.measurements):
        out.print(growth_line(curve), highlight=False)


def facts(experiment: Experiment) -> str:
    """Load, peak and agreement in one line."""
    said = []
    if experiment.agreement is not None:
        said.append(f"contenders agree to {experiment.agreement:.1e} in float64")
    said += [f"one product reaches {peak:,.0f} GFLOP/s on {n} thread(s)" for n, peak in experiment.peak_gflops.items()]
    if experiment.load:
        said.append(f"load average {' before and '.join(map(str, experiment.load))} after")
    return "; ".join(said)


def growth_line(curve: Curve) -> str:
    """ "numpy: seconds grow as batch size^0.67 (R² 0.99); threads 1"."""
    quality = "" if curve.growth.r2 is None else f" (R² {curve.growth.r2:.3f})"
    fixed = ", ".join(f"{name} {value}" for name, value in curve.fixed.items())
    return f"{curve.contender:14} seconds grow as ({curve.axis})^{curve.growth.b:.2f}{quality}; {fixed}"


def standard_console() -> "Console":
    """Standard output: as wide as the terminal, or `PLAIN_WIDTH` where it is none."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def bare(left: Sequence[str], right: Sequence[str]) -> "Table":
    """A table without lines; the columns `left` are words, the others numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in left:
        table.add_column(title)
    for title in right:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def varying(measurements: Sequence[Measurement]) -> list[str]:
    """Threads, and the settings that take more than one value."""
    names = dict.fromkeys(name for m in measurements for name in m.settings)
    return [n for n in names if n == "threads" or len({m.settings.get(n) for m in measurements}) > 1]


def training_tables(experiment: Experiment) -> list["Table"]:
    """One line a measurement, fastest first within a benchmark."""
    names = varying(experiment.measurements)
    table = bare(("contender",), (*names, "median s", "quartiles", "ratio", "samples/s", "warm-up", "peak MB", "ratio"))
    places = dict.fromkeys(m.place for m in experiment.measurements)
    for place in places:
        for m in sorted((m for m in experiment.measurements if m.place == place), key=lambda m: m.median):
            baseline = experiment.baseline(m)
            low, high = m.quartiles
            memory = m.peak_memory_mb or 0.0
            table.add_row(
                m.contender,
                *(str(m.settings[name]) for name in names),
                digits(m.median),
                f"{digits(low)} - {digits(high)}",
                f"{m.median / baseline.median:.2f}" if baseline else "",
                f"{m.samples / m.median:,.0f}",
                digits(m.warm_up or 0.0),
                f"{memory:,.0f}",
                f"{memory / baseline.peak_memory_mb:.2f}" if baseline and baseline.peak_memory_mb else "",
            )
        table.add_row()
    return [table]


def operation_tables(experiment: Experiment) -> list["Table"]:
    """A table for each shape, one line a contender; then the sums over all shapes."""
    by_key = {(m.subject, m.settings["threads"], m.contender, m.part): m for m in experiment.measurements}
    parts = [part for part in OPERATION_PARTS if any(key[3] == part for key in by_key)]
    speeds = ("GFLOP/s", "of peak") if any(m.flops for m in experiment.measurements) else ()
    tables = []
    for subject in dict.fromkeys(m.subject for m in experiment.measurements):
        count = next(m.count for m in experiment.measurements if m.subject == subject)
        table = bare(("contender",), ("threads", *(f"{part} µs" for part in parts), *speeds, "ratio"))
        table.title, table.title_justify = f"\n{subject}" + (f", {count} times" if count > 1 else ""), "left"
        for column in table.columns:  # so that the columns of all shapes stand below each other
            column.min_width = 14 if column.header == "contender" else max(len(str(column.header)), 8)
        for _, threads, contender in dict.fromkeys(key[:3] for key in by_key if key[0] == subject):
            m = by_key[subject, threads, contender, "all"]
            times = [by_key.get((subject, threads, contender, part)) for part in parts]
            speed = m.flops / m.median / 1e9
            ratio = experiment.ratio(m)
            table.add_row(
                contender,
                str(threads),
                *(f"{t.median * 1e6:,.0f}" if t else "" for t in times),
                *((f"{speed:,.1f}", f"{speed / experiment.peak_gflops[threads]:.0%}") if speeds else ()),
                f"{ratio:.2f}" if ratio else "",
            )
        tables.append(table)
    return tables if len(tables) < 2 else [*tables, totals_table(experiment)]


def totals_table(experiment: Experiment) -> "Table":
    """Sums over the shapes, and their ratios to PyTorch's better layout, or else to the baseline."""
    table = bare(("\nsum over all shapes",), ("threads", "each once ms", "ratio", "as in the network ms", "ratio"))
    for t in totals(experiment):
        once, network = (f"{seconds * 1e3:,.1f}" for seconds in (t.once, t.network))
        table.add_row(t.contender, str(t.threads), once, f"{t.once_ratio:.2f}", network, f"{t.network_ratio:.2f}")
    return table


def data_tables(experiment: Experiment) -> list["Table"]:
    """One line a stage."""
    table = bare(("stage",), ("samples", "median s", "quartiles", "images/s", "warm-up", "peak MB"))
    for m in experiment.measurements:
        low, high = m.quartiles
        rate = f"{m.samples / m.median:,.0f}"
        memory = f"{m.peak_memory_mb or 0:,.0f}"
        spread = f"{digits(low)} - {digits(high)}"
        table.add_row(m.contender, f"{m.samples:,}", digits(m.median), spread, rate, digits(m.warm_up or 0.0), memory)
    return [table]


def startup_tables(experiment: Experiment) -> list["Table"]:
    """One line a start."""
    table = bare(("start",), ("median s", "quartiles", "over python"))
    bare_python = experiment.measurements[0].median
    for m in experiment.measurements:
        low, high = m.quartiles
        table.add_row(m.contender, digits(m.median), f"{digits(low)} - {digits(high)}", digits(m.median - bare_python))
    return [table]


TABLES: dict[str, Callable[[Experiment], list["Table"]]] = {
    "train": training_tables,
    "op": operation_tables,
    "data": data_tables,
    "startup": startup_tables,
}


def digits(seconds: float) -> str:
    """Three significant digits: 12.3, 1.23, 0.0123."""
    return f"{seconds:.{max(0, 2 - _magnitude(seconds))}f}"


def _magnitude(value: float) -> int:
    from math import floor, log10

    return floor(log10(abs(value))) if value else 0
