"""Plain columns of text."""

from collections.abc import Sequence


def columns(*rows: Sequence[str]) -> str:
    """The rows below each other, every column as wide as its widest cell and two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
