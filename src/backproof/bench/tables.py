"""Experiments as tables, the same for the terminal and for the page."""

from collections.abc import Callable, Sequence

from backproof.bench.growth import Growth, curves
from backproof.bench.measurement import Experiment, Measurement
from backproof.bench.operations import totals
from backproof.tables import Column, Table
from backproof.tables.numbers import duration

OPERATION_PARTS = ("forward", "to input", "to weights", "backward", "all")

MEDIAN, QUARTILES, RATIO = Column("median", "seconds"), Column("quartiles"), Column("ratio", "ratio")
THREADS = Column("threads", "count")


def tables(experiment: Experiment) -> list[Table]:
    """Every number of every contender, and how times and memory grow."""
    return TABLES[experiment.kind](experiment)


def facts(experiment: Experiment) -> str:
    """Load, peak and agreement in one line."""
    said = []
    if experiment.agreement is not None:
        exact = "" if experiment.kind == "infer" else " in float64"  # ONNX Runtime has float32 alone
        said.append(f"contenders agree to {experiment.agreement:.1e}{exact}")
    said += [f"one product reaches {peak:,.0f} GFLOP/s on {n} thread(s)" for n, peak in experiment.peak_gflops.items()]
    if experiment.load:
        said.append(f"load average {' before and '.join(map(str, experiment.load))} after")
    return "; ".join(said)


def varying(measurements: Sequence[Measurement]) -> list[str]:
    """Threads, and the settings that take more than one value."""
    names = dict.fromkeys(name for m in measurements for name in m.settings)
    return [n for n in names if n == "threads" or len({m.settings.get(n) for m in measurements}) > 1]


def exponent(growth: Growth) -> str:
    """b with two digits, and without the sign of a zero."""
    return f"{round(growth.b, 2) + 0.0:.2f}"


def training_tables(experiment: Experiment) -> list[Table]:
    """One line a measurement, fastest first among those at the same thing; then the exponents of every curve."""
    names = varying(experiment.measurements)
    columns = [
        Column("contender"),
        *(Column(name, "count") for name in names),
        MEDIAN,
        QUARTILES,
        RATIO,
        Column("samples/s", "count"),
        Column("warm-up", "seconds"),
        Column("peak memory", "megabytes"),
        Column("ratio of memory", "ratio"),
    ]
    rows = []
    for place in dict.fromkeys(m.place for m in experiment.measurements):
        for m in sorted((m for m in experiment.measurements if m.place == place), key=lambda m: m.median):
            baseline = experiment.baseline(m)
            memory, beside = m.peak_memory_mb, baseline.peak_memory_mb if baseline else None
            rows.append(
                (
                    m.contender,
                    *(m.settings[name] for name in names),
                    m.median,
                    _quartiles(m),
                    experiment.ratio(m),
                    m.samples / m.median,
                    m.warm_up,
                    memory,
                    memory / beside if memory and beside else None,
                )
            )
    made = [Table.of(columns, rows)]
    grown = [
        (
            curve.contender,
            curve.axis,
            ", ".join(f"{name} {value}" for name, value in curve.fixed.items()),
            *(text for g in (curve.growth, memory.growth) for text in (exponent(g), f"{g.r2:.3f}" if g.r2 else "")),
        )
        for curve, memory in zip(
            curves(experiment.measurements), curves(experiment.measurements, "memory"), strict=True
        )
    ]
    heads = ("contender", "n", "at", "b of time", "R²", "b of memory", "R²")
    return [*made, Table.of(heads, grown, "Growth t = a nᵇ, fitted to the logarithms")] if grown else made


def inference_tables(experiment: Experiment) -> list[Table]:
    """One line a measurement, fastest first among those at the same thing."""
    return training_tables(experiment)[:1]


def operation_tables(experiment: Experiment) -> list[Table]:
    """A table for each shape, one line a contender; then the sums over all shapes."""
    found = {(m.subject, m.settings["threads"], m.contender, m.part): m for m in experiment.measurements}
    parts = [part for part in OPERATION_PARTS if any(key[3] == part for key in found)]
    columns = [
        Column("contender"),
        THREADS,
        *(Column(part, "seconds") for part in parts),
        Column("GFLOP/s", "count"),
        Column("of peak", "fraction"),
        RATIO,
    ]
    made = []
    for subject in dict.fromkeys(m.subject for m in experiment.measurements):
        rows = []
        for _, threads, contender in dict.fromkeys(key[:3] for key in found if key[0] == subject):
            m = found[subject, threads, contender, "all"]
            times = [found.get((subject, threads, contender, part)) for part in parts]
            speed = m.flops / m.median / 1e9 or None
            share = speed / experiment.peak_gflops[threads] if speed else None
            medians = (t.median if t else None for t in times)
            rows.append((contender, threads, *medians, speed, share, experiment.ratio(m)))
        made.append(Table.of(columns, rows, f"{subject}, {m.count} times" if m.count > 1 else subject))
    return made if len(made) < 2 else [*made, totals_table(experiment)]


def totals_table(experiment: Experiment) -> Table:
    """Sums over the shapes, and their ratios to PyTorch's better layout, or else to the baseline."""
    once, network = Column("each once", "seconds"), Column("as in the network", "seconds")
    rows = [(t.contender, t.threads, t.once, t.once_ratio, t.network, t.network_ratio) for t in totals(experiment)]
    return Table.of((Column("contender"), THREADS, once, RATIO, network, RATIO), rows, "Sum over all shapes")


def data_tables(experiment: Experiment) -> list[Table]:
    """One line a stage."""
    columns = (Column("stage"), Column("samples", "count"), MEDIAN, QUARTILES, Column("images/s", "count"))
    more = (Column("warm-up", "seconds"), Column("peak memory", "megabytes"))
    rows = [
        (m.contender, m.samples, m.median, _quartiles(m), m.samples / m.median, m.warm_up, m.peak_memory_mb)
        for m in experiment.measurements
    ]
    return [Table.of((*columns, *more), rows)]


def startup_tables(experiment: Experiment) -> list[Table]:
    """One line a start."""
    bare = experiment.measurements[0].median
    rows = [(m.contender, m.median, _quartiles(m), m.median - bare) for m in experiment.measurements]
    return [Table.of((Column("start"), MEDIAN, QUARTILES, Column("over python", "seconds")), rows)]


def _quartiles(m: Measurement) -> str:
    return " – ".join(map(duration, m.quartiles))


TABLES: dict[str, Callable[[Experiment], list[Table]]] = {
    "train": training_tables,
    "infer": inference_tables,
    "op": operation_tables,
    "data": data_tables,
    "startup": startup_tables,
}
