"""The tables of a benchmark's page: every number of every contender, and how times and memory grow."""

from collections.abc import Callable

from backproof.bench import Experiment, Growth, curves
from backproof.bench.measurement import Measurement
from backproof.bench.operations import totals
from backproof.bench.table import OPERATION_PARTS, varying
from backproof.tables.numbers import duration
from backproof.view.html import Html, element, join


def table(titles: list[str], rows: list[list[str]]) -> Html:
    """Words on the left, numbers on the right."""
    head = element("tr", *[element("th", t, class_="name" if i == 0 else None) for i, t in enumerate(titles)])
    lines = [
        element("tr", element("th", name, scope="row", class_="name"), *[element("td", cell) for cell in cells])
        for name, *cells in rows
    ]
    return element("table", element("thead", head), element("tbody", *lines), class_="comparison")


def times_table(experiment: Experiment) -> Html:
    """One line a measurement, and the fitted growths below."""
    names = varying(experiment.measurements)
    titles = ["contender", *names, "median", "quartiles", "ratio", "samples/s", "warm-up", "peak memory"]
    rows = [
        [
            m.contender,
            *(str(m.settings.get(name, "")) for name in names),
            duration(m.median),
            " – ".join(map(duration, m.quartiles)),
            written_ratio(experiment, m),
            f"{m.samples / m.median:,.0f}",
            duration(m.warm_up) if m.warm_up is not None else "",
            f"{m.peak_memory_mb:,.0f} MB" if m.peak_memory_mb else "",
        ]
        for m in experiment.measurements
    ]
    return join(table(titles, rows), growth_table(experiment))


def growth_table(experiment: Experiment) -> Html | None:
    """The exponent of every curve, of time and of memory, with how well it fits."""
    rows = []
    for curve, memory in zip(curves(experiment.measurements), curves(experiment.measurements, "memory"), strict=True):
        fixed = ", ".join(f"{name} {value}" for name, value in curve.fixed.items())
        fits = [exponent(g) + (f" (R² {g.r2:.3f})" if g.r2 is not None else "") for g in (curve.growth, memory.growth)]
        rows.append([curve.contender, curve.axis, fixed, *fits])
    if not rows:
        return None
    return join(
        element("h4", "Growth t = a nᵇ, fitted to the logarithms"),
        table(["contender", "n", "at", "b of time", "b of memory"], rows),
    )


def exponent(growth: Growth) -> str:
    """b with two digits, and without the sign of a zero."""
    return f"{round(growth.b, 2) + 0.0:.2f}"


def operations_table(experiment: Experiment) -> Html:
    """One line a shape and contender, then the sums."""
    found = {(m.subject, m.settings["threads"], m.contender, m.part): m for m in experiment.measurements}
    rows = []
    for subject, threads, contender in dict.fromkeys(key[:3] for key in found):
        m = found[subject, threads, contender, "all"]
        times = [found.get((subject, threads, contender, part)) for part in OPERATION_PARTS]
        speed = m.flops / m.median / 1e9
        rows.append(
            [
                subject,
                f"{m.count}",
                contender,
                str(threads),
                *(f"{t.median * 1e6:,.0f}" if t else "" for t in times),
                f"{speed:,.1f}" if m.flops else "",
                f"{speed / experiment.peak_gflops[threads]:.0%}" if m.flops else "",
                written_ratio(experiment, m),
            ]
        )
    parts = (f"{part} µs" for part in OPERATION_PARTS)
    titles = ["operation", "times", "contender", "threads", *parts, "GFLOP/s", "of peak", "ratio"]
    sums = [
        [
            t.contender,
            str(t.threads),
            duration(t.once),
            f"{t.once_ratio:.2f}",
            duration(t.network),
            f"{t.network_ratio:.2f}",
        ]
        for t in totals(experiment)
    ]
    heads = ["sum over all shapes", "threads", "each once", "ratio", "as in the network", "ratio"]
    return join(table(titles, rows), table(heads, sums) if len(rows) > len({r[2] for r in rows}) else None)


def written_ratio(experiment: Experiment, m: Measurement) -> str:
    """Two digits after the point."""
    ratio = experiment.ratio(m)
    return f"{ratio:,.2f}" if ratio is not None and experiment.against else ""


TABLES: dict[str, Callable[[Experiment], Html]] = {
    "train": times_table,
    "op": operations_table,
    "data": times_table,
    "startup": times_table,
}
