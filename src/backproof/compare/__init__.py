"""Tables and statistics over runs."""

from backproof.compare.columns import COLUMNS, Column
from backproof.compare.differences import Option, differences, options, same_but_engine
from backproof.compare.repeats import Repeats, Spread
from backproof.compare.row import Row
from backproof.compare.table import Comparison, comparison
from backproof.compare.weights import Distance, WeightDistance, weight_distance

__all__ = [
    "COLUMNS",
    "Column",
    "Comparison",
    "Distance",
    "Option",
    "Repeats",
    "Row",
    "Spread",
    "WeightDistance",
    "comparison",
    "differences",
    "options",
    "same_but_engine",
    "weight_distance",
]
