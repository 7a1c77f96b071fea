"""A reverse sweep gone wrong."""

from backproof.engines.sweep import Sweep
from faults.fault import engine_with


class NotSummed(Sweep):
    """Where a value is used twice, the gradient of one use stands for the sum."""

    def _sum(self, a, b):
        return b


NOT_SUMMED = engine_with(sweep=NotSummed)
"""The reference engine with that sweep. No operation alone can show it: see `test_model_faults`."""
