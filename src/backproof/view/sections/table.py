"""The comparison table, and how near engines came to each other."""

from collections.abc import Sequence
from itertools import combinations

from backproof.compare import Comparison, WeightDistance, same_but_engine, weight_distance
from backproof.runs.store import RunSnapshot
from backproof.tables import Column, Table
from backproof.view.html import Html, element, folded, join, section
from backproof.view.tables import html_table


def comparison_section(comparison: Comparison) -> Html:
    """One line a run, the best values marked, and one line a group of repeats."""
    notes = []
    if any(column.key == "avoidable_bias" for column in comparison.columns):
        notes.append(
            "Avoidable bias is the train error less the error of an ideal classifier, taken as 0; "
            "variance is the dev error less the train error."
        )
    if len(comparison.runs) > 1:
        notes.append("The best value of a column is bold.")
    card = element("div", html_table(comparison.table()), class_="card")
    return section("Comparison", card, note=" ".join(notes) or None)


def agreement_section(runs: Sequence[RunSnapshot]) -> Html | None:
    """Pairs of runs that differ in the engine alone: how far their weights are apart at the end."""
    ended = [run for run in runs if run.status == "finished" and (run.run.path / "last.safetensors").is_file()]
    pairs = [(a, b) for a, b in combinations(ended, 2) if same_but_engine(a, b)]
    if not pairs:
        return None
    return section(
        "Agreement of engines",
        element("div", *[agreement(weight_distance(a, b)) for a, b in pairs], class_="card"),
        note="These runs began with the same weights and saw the same batches; only who computed differs.",
    )


def agreement(distance: WeightDistance) -> Html:
    """One pair, its parameters folded away."""
    a, b = distance.runs
    sentence = element(
        "p",
        f"After training, the weights of {a} and {b} differ by ",
        element("strong", f"{distance.overall.maximum:.1e}"),
        " at most, and by ",
        element("strong", f"{distance.overall.relative:.1e}"),
        " relative to their length (‖a − b‖ / max(‖a‖, ‖b‖)).",
        class_="lead",
    )
    columns = ("parameter", Column("largest difference", "error"), Column("relative", "error"))
    table = Table.of(columns, [(name, d.maximum, d.relative) for name, d in distance.parameters.items()])
    return join(sentence, folded("Each parameter", html_table(table, "plain")))
