"""Records as JSON that every reader takes: NaN and the infinities, which JSON has not, are written as strings.

"NaN", "Infinity" and "-Infinity" are what the JSON mapping of Protocol Buffers writes. A training that diverged, or a
kernel that gives NaN, must stay readable for tools that are not written in Python.
"""

import json
from collections.abc import Callable, Mapping
from math import isfinite, isnan
from typing import Any, TypeVar

import msgspec

Record = TypeVar("Record")


def dumps(content: object, indent: int | None = None) -> str:
    """Plain values (dicts, lists, tuples, numbers, strings, None) as strict JSON."""
    return json.dumps(_plain(content), indent=indent, allow_nan=False)


def loads(text: str, kind: type[Record]) -> Record:
    """What `dumps` wrote, as the dataclass `kind`."""
    return msgspec.convert(json.loads(text), kind, strict=False, dec_hook=_mapping)


def _mapping(kind: Callable[[dict[str, float]], Any], content: object) -> Any:
    """A field of another kind than msgspec knows: one made of numbers by name, such as `Metrics`."""
    return kind(msgspec.convert(content, dict[str, float], strict=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
