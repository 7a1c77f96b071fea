"""A folder of images with a table of numbers beside them: NAME/targets.csv with the columns file, and one a number."""

import csv
import math
from pathlib import Path

import numpy as np

from backproof.data.sources.folder import ImageFiles, digest_files, require_text
from backproof.data.sources.registry import file_format
from backproof.data.sources.source import Source
from backproof.data.targets import TargetSpec
from backproof.errors import DataError

TABLE = "targets.csv"


@file_format("table", lambda path: (path / TABLE).is_file())
def read_table(root: Path) -> Source:
    """A dataset of the images that `targets.csv` names, in its order; the heading says what the numbers are called."""
    table = root / TABLE
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            names = _heading(table, next(lines, []))
            rows = [(lines.line_num, row) for row in lines if row]
    except (UnicodeDecodeError, csv.Error) as error:
        reason = "UTF-8" if isinstance(error, UnicodeDecodeError) else f"a table ({error})"
        raise DataError(f"{table} is not {reason}") from error
    if not rows:
        raise DataError(f"{table} is empty: it names no images")
    seen: dict[str, int] = {}
    paths, y = [], []
    for number, row in rows:
        where = f"{table}, line {number}"
        if len(row) != len(names) + 1:
            raise DataError(f"{where}: {len(row)} values, but the heading has {len(names) + 1}")
        if row[0] in seen:
            raise DataError(f"{where}: {row[0]} is there already, in line {seen[row[0]]}")
        if not (root / row[0]).is_file():
            raise DataError(f"{where}: there is no file {root / row[0]}")
        seen[row[0]] = number
        require_text(root / row[0])
        paths.append(root / row[0])
        y.append([_number(where, text) for text in row[1:]])
    return Source(
        name=root.resolve().name,
        kind="table",
        where=str(root),
        targets=TargetSpec("number", names, integer=False),
        images=ImageFiles(tuple(paths)),
        y=np.array(y, dtype=np.float32),
        content=digest_files(root, paths, repr((names, y))),
        sample_name=lambda index: str(paths[index]),
    )


def _heading(table: Path, heading: list[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in heading[1:])
    if not heading:
        raise DataError(f"{table} is empty; expected a heading such as file,width,height, then a line an image")
    if not names or heading[0].strip() != "file":
        raise DataError(f"{table} begins with '{','.join(heading)}'; expected a heading such as file,width,height")
    if len(set(names)) < len(names):
        raise DataError(f"{table} has two columns '{next(name for name in names if names.count(name) > 1)}'")
    return names


def _number(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= np.finfo(np.float32).max:
        raise DataError(f"{where}: '{text}' is no finite number")
    return value
