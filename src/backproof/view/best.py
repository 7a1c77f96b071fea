"""Which runs have the best figure of a column, as far as people can tell."""

from backproof.compare import Column, Comparison
from backproof.view.numbers import written


def best_rows(comparison: Comparison, column: Column) -> set[int]:
    """Places of the finished runs whose figure reads the same as the best one; none if all read the same.

    Two engines may differ in the eighth digit: then neither is the better one.
    """
    best = comparison.best(column)
    if best is None:
        return set()
    shown = {
        place: written(row.value(column), column.unit)
        for place, row in enumerate(comparison.rows)
        if row.status == "finished" and row.value(column) is not None
    }
    places = {place for place, text in shown.items() if text == written(best, column.unit)}
    return places if len(places) < len(shown) else set()
