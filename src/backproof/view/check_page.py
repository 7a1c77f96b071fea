"""The page of a check: the verdict, who agrees on what, the network coloured by error. It needs nothing but itself."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import backproof
from backproof.figures.checks import by_depth, error_map, growth_figure, network_map
from backproof.tables.numbers import duration
from backproof.verify.core.finding import CheckReport
from backproof.verify.networks.report import DIRECTIONS, ModelReport, Picture
from backproof.verify.tables import check_table, disputes_table, failures_table, ways_table
from backproof.verify.training.trajectory import TrajectoryReport
from backproof.view.document import document, write_document
from backproof.view.html import Html, element, folded, join, section
from backproof.view.sections.curves import plot
from backproof.view.tables import html_table

LISTED = 300
"""Failures in the folded list, at most."""


def write_check_page(reports: CheckReport | Sequence[CheckReport], path: Path) -> Path:
    """Write the page of one report, or of several on the same subject, and return its path.

    Raises `UserError` where it cannot be written.
    """
    return write_document(check_page([reports] if isinstance(reports, CheckReport) else reports), path)


def check_page(reports: Sequence[CheckReport]) -> str:
    """The whole page as text."""
    body = join(
        heading(reports),
        *[s for place, report in enumerate(reports) for s in sections(report, f"r{place}")],
        element("footer", f"backproof {backproof.__version__}"),
    )
    return document("check", body)


def heading(reports: Sequence[CheckReport]) -> Html:
    """The verdict in one line, and in one sentence."""
    wrong = next((report for report in sorted(reports, key=lambda r: not r.failures) if not report.passed), None)
    first = wrong.first_failure if wrong is not None else None
    title = "Everything agrees"
    if wrong is not None:
        title = "Not everything was checked" if any(report.compared for report in reports) else "Nothing was compared"
    if first is not None:
        title = f"First error: {first.subject}"
    engines = list(dict.fromkeys(engine for report in reports for engine in report.engines))
    known = [reports[0].title, ", ".join(engines), f"{duration(sum(sum(r.seconds.values()) for r in reports))} in all"]
    return element(
        "header",
        element("p", "backproof check", class_="brand"),
        element("h1", title),
        element("p", " · ".join(known), class_="facts"),
        element(
            "div",
            *[element("p", sentence(report), class_="lead") for report in reports],
            element("p", str(first), class_="note") if first is not None else None,
            class_="card" if first is None else "card failure",
        ),
        element("div", *[tile for report in reports for tile in tiles(report)], class_="tiles"),
    )


def sentence(report: CheckReport) -> str:
    """The verdict of any report."""
    if isinstance(report, ModelReport | TrajectoryReport):
        return f"{report.verdict}."
    first = report.first_failure
    count = len(report.subjects)
    if first is not None:
        return f"{report.title}: {first}."
    if report.unchecked:
        return f"{report.title}: {len(report.unchecked)} not checked, {report.unchecked[0].detail}."
    return f"{report.title}: all {count} agree."


def tiles(report: CheckReport) -> Iterator[Html]:
    """The figures that one looks for first."""
    if isinstance(report, ModelReport):
        for engine in report.engines:
            wrong = {f.subject for d in DIRECTIONS for f in report.error_sources(engine, d)}
            others = {name for d in DIRECTIONS for name in report.propagating(engine, d)} - wrong
            note = f"{len(others)} nodes propagate an error"
            if not others and engine in report.rounding_errors:
                note = f"float32 is {report.rounding_errors[engine].values:.1f} ulp off the reference"
            yield _tile(f"{engine}: error sources", len(wrong), note)
    else:
        note = f"of {len(report.compared):,}, {len(report.skipped)} skipped"
        note += f", {len(report.unchecked)} not checked" if report.unchecked else ""
        yield _tile(f"{report.title}: wrong", len(report.failures), note)


def _tile(label: str, value: object, whose: str) -> Html:
    return element(
        "div",
        element("p", label, class_="label"),
        element("p", str(value), class_="value"),
        element("p", whose, class_="whose"),
        class_="tile",
    )


def sections(report: CheckReport, identity: str) -> Iterator[Html]:
    """The chapters of one report."""
    if isinstance(report, ModelReport):
        yield from network_sections(report, identity)
    if isinstance(report, TrajectoryReport):
        card = element(
            "figure",
            element("figcaption", "Largest difference"),
            plot(f"{identity}g", growth_figure(report.growth)),
            class_="card",
        )
        yield section("Training steps", card, note="All engines train on the same bytes from the same weights.")
    yield section(
        "By operation" if isinstance(report, ModelReport) else report.title[:1].upper() + report.title[1:],
        element("div", html_table(check_table(report)), class_="card"),
        note="The worst error of each engine, over all that was compared: up to 1 is what rounding explains.",
    )
    if report.ways:
        yield element("section", folded("The ways that engines took", html_table(ways_table(report), "comparison")))
    if report.failures:
        listing = html_table(failures_table(report.failures[:LISTED]), "comparison findings")
        more = len(report.failures) - LISTED
        title = f"All {len(report.failures):,} differences" + (f", the first {LISTED} of them" if more > 0 else "")
        yield element("section", folded(title, listing))


def network_sections(report: ModelReport, identity: str) -> Iterator[Html]:
    """The map of the nodes, error by depth, and the worst tensors."""
    shown = [engine for engine in report.engines if report.first_of(engine) is not None] or report.engines[:1]
    for engine in shown:
        figures = [
            element(
                "figure",
                element("figcaption", f"{direction.capitalize()}"),
                plot(f"{identity}{engine}{direction}", network_map(report, engine, direction)),
                class_="card",
            )
            for direction in DIRECTIONS
        ]
        keys = [
            _key("rgba(53,115,196,0.2)", "right"),
            _key("rgba(224,112,26,0.6)", "propagates an error"),
            element(
                "span",
                element("span", class_="dot", style="border:3px solid var(--wrong);border-radius:2px"),
                "error source",
            ),
        ]
        yield section(
            f"The network on {engine}",
            element("div", element("div", *keys, class_="keys"), class_="legend"),
            element("div", *figures, class_="grid"),
            note="A cell a node, a row a block, in the order of the computation. Colour is the error when the engine"
            " runs the network by itself; a frame marks error sources, wrong although they get right inputs.",
        )
    cards = [
        element(
            "figure",
            element("figcaption", direction.capitalize()),
            plot(f"{identity}depth{direction}", by_depth(report, direction)),
            class_="card",
        )
        for direction in DIRECTIONS
    ]
    yield section(
        "Error by depth",
        element("div", *cards, class_="grid"),
        note="From the first node to the loss. Lines: each engine runs the network by itself. Dots: each node alone,"
        " with right inputs and a right gradient of its output. Errors of exactly 0 are not drawn.",
    )
    if report.disputes:
        yield section(
            "Side by side",
            element("div", html_table(disputes_table(report.disputes[:LISTED])), class_="card"),
            note="Every array on which engines part, given the same inputs. Finite differences are taken of each"
            " engine's own values: near 0 they agree with its gradient, near 1 with the other side's.",
        )
    if report.pictures:
        pictures = [picture_card(p, f"{identity}p{i}") for i, p in enumerate(report.pictures)]
        yield section(
            "Worst tensors",
            element("div", *pictures, class_="grid"),
            note="Each node alone: the absolute error of its output or gradient, the largest along the axes not shown.",
        )


def _key(color: str, text: str) -> Html:
    return element("span", element("span", class_="dot", style=f"background:{color}"), text)


def picture_card(picture: Picture, identity: str) -> Html:
    """One tensor's error, seen from one side or two."""
    f = picture.finding
    said = f"{f.engine}, off by {f.error:.1e}, rounding explains {f.tolerance:.1e}; shape {picture.shape}"
    panels = [
        element("div", element("h4", panel.title), plot(f"{identity}-{i}", error_map(panel)))
        for i, panel in enumerate(picture.panels)
    ]
    return element(
        "figure",
        element("figcaption", f"{f.subject}: {f.what}"),
        element("p", said, class_="note"),
        *panels,
        class_="card" if f.passed else "card failure",
    )
