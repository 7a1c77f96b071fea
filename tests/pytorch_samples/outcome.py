"""What became of the samples of one entry of a database."""

from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """All samples of an entry: none is lost.

    Attributes:
        samples: how many there are.
        compared: those that are supported, in our words, with PyTorch's answer.
        unsupported: how many others there are, by reason.
        errors: for each error input None where it was refused when translated, what was made of it where not, or the
            reason for which it cannot be asked.
    """

    samples: int
    compared: tuple[Any, ...]
    unsupported: Counter[str]
    errors: tuple[Any, ...]
