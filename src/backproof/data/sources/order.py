"""The order of class and file names."""

import re


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key in which numbers count as numbers: 2 before 10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts] + [(-2, name)]
