"""The page of a benchmark: bars of ratios, scaling curves with fitted growth, tables. It needs nothing but itself."""

from collections.abc import Callable
from pathlib import Path

import backproof
from backproof.bench import Experiment, Result
from backproof.bench.measurement import contenders
from backproof.bench.tables import exponent, facts, tables
from backproof.figures.benchmarks import (
    Scaling,
    contender_color,
    operations_figure,
    rates_figure,
    ratios_figure,
    scaling_figures,
    share,
    times_figure,
)
from backproof.tables import Table
from backproof.tables.numbers import duration
from backproof.view.document import document, write_document
from backproof.view.html import Html, element, folded, join, section
from backproof.view.sections.curves import figure_card, plot
from backproof.view.tables import html_table

SHOWN = {
    "cpu": "processor",
    "platform": "system",
    "python": "Python",
    "backproof": "backproof",
    "commit": "commit",
    "blas": "BLAS of NumPy",
    "started": "ended",
}


WRAPPED = "flex-wrap:wrap;gap:2px 18px"
"""Keys that go on in a second line."""


def write_bench_page(result: Result, path: Path) -> Path:
    """Write the page to `path` and return it. Raises `UserError` where it cannot be written."""
    return write_document(bench_page(result), path)


def bench_page(result: Result) -> str:
    """The whole page as text."""
    body = join(
        heading(result),
        *[experiment_section(e, f"e{i}") for i, e in enumerate(result.experiments)],
        environment_section(result),
        element("footer", f"backproof {backproof.__version__}"),
    )
    return document("benchmark", body)


def heading(result: Result) -> Html:
    """What was measured and where; the ratios of the first engine."""
    versions = result.environment.get("versions", {})
    known = [str(result.environment.get("cpu", ""))]
    known += [f"{name} {version}" for name, version in versions.items() if name in ("numpy", "torch")]
    known.append(f"{duration(result.seconds)} in all")
    if started := result.environment.get("started"):
        known.append(f"{str(started)[:16].replace('T', ' ')} UTC")
    titles = [e.title for e in result.experiments]
    return element(
        "header",
        element("p", "backproof benchmark", class_="brand"),
        element("h1", titles[0] if len(titles) == 1 else "How fast, and against whom"),
        element("p", " · ".join(filter(None, known)), class_="facts"),
        element("div", *[t for e in result.experiments for t in tiles(e, alone=len(titles) == 1)], class_="tiles"),
    )


def tiles(experiment: Experiment, *, alone: bool) -> list[Html]:
    """How the first contender compares to the baseline on one thread; if the experiment is `alone`, everybody."""
    whole = [m for m in experiment.measurements if m.part in ("epoch", "step", "pass", "all")]
    threads = min((m.settings["threads"] for m in whole), default=1)
    shown = []
    for name in [n for n in contenders(whole) if n != experiment.against][: None if alone else 1]:
        own = [m for m in whole if m.contender == name and m.settings["threads"] == threads]
        ratios = [ratio for m in own if (ratio := experiment.ratio(m)) is not None]
        low, high = (f"{ratio:,.2f}" for ratio in (min(ratios), max(ratios)))
        shown.append(
            element(
                "div",
                element("p", name if alone else experiment.title, class_="label"),
                element("p", low if low == high else f"{low} – {high}", class_="value"),
                element("p", f"{name} / {experiment.against}, {threads} thread{'s' * (threads > 1)}", class_="whose"),
                class_="tile",
            )
        )
    return shown


def experiment_section(experiment: Experiment, identity: str) -> Html:
    """Figures, then the table folded away."""
    figures = FIGURES[experiment.kind](experiment, identity)
    return section(
        experiment.title,
        legend(experiment),
        element("div", *figures, class_="grid"),
        folded("All numbers", *map(html_table, tables(experiment))),
        element("p", facts(experiment), class_="note"),
        note=experiment.note,
    )


def legend(experiment: Experiment) -> Html | None:
    """Who has which colour."""
    if experiment.kind in ("data", "startup"):
        return None
    keys = [
        element("span", element("span", class_="dot", style=f"background:{contender_color(name)}"), name)
        for name in contenders(experiment.measurements)
    ]
    return element("div", element("div", *keys, class_="keys"), class_="legend")


def inference_figures(experiment: Experiment, identity: str) -> list[Html]:
    """Bars of time and memory against the baseline."""
    return [
        figure_card(f"{identity}-time", f"Time / {experiment.against}", ratios_figure(experiment, "seconds")),
        figure_card(f"{identity}-memory", f"Peak memory / {experiment.against}", ratios_figure(experiment, "memory")),
    ]


def training_figures(experiment: Experiment, identity: str) -> list[Html]:
    """Bars of time and memory against the baseline; curves for every size that was varied."""
    shown = inference_figures(experiment, identity)
    return shown + [scaling_card(f"{identity}-scaling-{i}", s) for i, s in enumerate(scaling_figures(experiment))]


def scaling_card(identity: str, scaling: Scaling) -> Html:
    """Curves, and how each grows."""
    grown = [
        element(
            "span",
            element("span", class_="dot", style=f"background:{contender_color(curve.contender)}"),
            f"{curve.contender}, b = {exponent(curve.growth)}",
            style="white-space:nowrap",
        )
        for curve in scaling.curves
    ]
    return element(
        "figure",
        element("figcaption", f"{scaling.title}: t = a nᵇ"),
        element("div", *grown, class_="keys", style=WRAPPED),
        plot(identity, scaling.figure),
        class_="card",
    )


def operation_figures(experiment: Experiment, identity: str) -> list[Html]:
    """Bars of time and of the share of the peak, shape by shape."""
    shown = [figure_card(f"{identity}-ratio", f"Time / {experiment.against}", operations_figure(experiment, "ratio"))]
    if any(share(experiment, m) > 0.05 for m in experiment.measurements if m.part == "all"):
        title = "Share of the speed of one large matrix product"
        shown.append(figure_card(f"{identity}-share", title, operations_figure(experiment, "share")))
    return shown


def data_figures(experiment: Experiment, identity: str) -> list[Html]:
    """Bars of images a second."""
    return [figure_card(f"{identity}-rate", "Images a second", rates_figure(experiment))]


def startup_figures(experiment: Experiment, identity: str) -> list[Html]:
    """Bars of seconds."""
    return [figure_card(f"{identity}-start", "Seconds", times_figure(experiment))]


FIGURES: dict[str, Callable[[Experiment, str], list[Html]]] = {
    "train": training_figures,
    "infer": inference_figures,
    "op": operation_figures,
    "data": data_figures,
    "startup": startup_figures,
}


def environment_section(result: Result) -> Html:
    """Machine and versions."""
    known = {title: result.environment.get(key) for key, title in SHOWN.items()}
    known |= dict(result.environment.get("versions", {}))
    table = Table.of(("", ""), [(key, str(value)) for key, value in known.items() if value])
    return section(
        "Where this was measured",
        element("div", html_table(table, "plain"), class_="card"),
        note="Each contender ran in a process of its own, whose threads were set before it imported anything; rounds "
        "went in turn; bars are medians. Only ratios carry over to another machine.",
    )
