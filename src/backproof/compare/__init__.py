"""Tables and statistics over runs."""

from backproof.compare.comparison import Comparison, comparison, progress_note
from backproof.compare.quantities import epochs_done, measured
from backproof.compare.repeats import Repeats, Spread
from backproof.compare.settings import Setting, differing, same_but_engine, settings
from backproof.compare.weights import Distance, WeightDistance, weight_distance

__all__ = [
    "Comparison",
    "Distance",
    "Repeats",
    "Setting",
    "Spread",
    "WeightDistance",
    "comparison",
    "differing",
    "epochs_done",
    "measured",
    "progress_note",
    "same_but_engine",
    "settings",
    "weight_distance",
]
