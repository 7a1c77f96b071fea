"""Where samples come from: importing a module here registers what it holds."""

from backproof.data.sources import colors as colors
from backproof.data.sources import diabetes as diabetes
from backproof.data.sources import digits as digits
from backproof.data.sources import folder as folder
from backproof.data.sources import idx as idx
from backproof.data.sources import masks as masks
from backproof.data.sources import npz as npz
from backproof.data.sources import numbers as numbers
from backproof.data.sources import rotated_digits as rotated_digits
from backproof.data.sources import shapes as shapes
from backproof.data.sources import table as table
from backproof.data.sources.registry import (
    Available,
    available,
    dataset,
    file_format,
    find,
    generated,
    make,
)
from backproof.data.sources.source import BadImageError, Source

__all__ = [
    "Available",
    "BadImageError",
    "Source",
    "available",
    "dataset",
    "file_format",
    "find",
    "generated",
    "make",
]
