"""Where samples come from: one file a dataset or a file format. A new file here is found by itself."""

from importlib import import_module
from pkgutil import iter_modules

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

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

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
