"""`RunSpec` as TOML and back: strict types, and an unknown table or key is an error that offers the nearest ones.

A file may hold several experiments. What stands in the tables at the top is common to all of them:

    [data]
    dataset = "digits"

    [[experiment]]
    [experiment.model]
    layers = [64]

    [[experiment]]
    [experiment.model]
    layers = [128, 64]
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import tomli_w

from backproof.errors import UserError, unknown
from backproof.runs.spec import RunSpec

Tables = Mapping[str, Mapping[str, object]]
"""A part of a run's specification: options by the name of their table and their own."""

EXPERIMENT = "experiment"


def table_types() -> dict[str, type]:
    """The options class of each table of a run's specification, in order."""
    return get_type_hints(RunSpec)


def tables_of(spec: RunSpec) -> dict[str, dict[str, Any]]:
    """All options of `spec` as plain values. An option that is None has none: it is left out."""
    tables: dict[str, dict[str, Any]] = asdict(spec)  # msgspec.to_builtins would leave out defaults of converted ones
    return {name: {key: v for key, v in table.items() if v is not None} for name, table in tables.items()}


def to_toml(spec: RunSpec) -> str:
    """All options of `spec`, defaults included, so that it can be repeated by a later version too."""
    return tomli_w.dumps(tables_of(spec))


def merge_tables(under: Tables, over: Tables) -> dict[str, dict[str, object]]:
    """The options of both; where both have one, that of `over`."""
    names = [*under, *(name for name in over if name not in under)]
    return {name: {**under.get(name, {}), **over.get(name, {})} for name in names}


def spec_from_tables(tables: Tables, source: str = "") -> RunSpec:
    """A specification from some of its options; the others have their defaults.

    Raises `UserError`, naming `source` (such as a file), for an unknown table or key, or a value of a wrong type.
    """
    place = f" in {source}" if source else ""
    _check_names(tables, place)
    try:
        return msgspec.convert(tables, RunSpec)
    except msgspec.ValidationError as error:
        raise _wrong_value(tables, str(error), place) from error


def _wrong_value(tables: Tables, message: str, place: str) -> UserError:
    """The user's words for what msgspec says: `Expected ..., got ... - at `$.table.key`."""
    what, _, where = message.partition(" - at `$.")
    table, _, key = where.rstrip("`").partition(".")
    value = tables[table].get(key)
    if isinstance(value, str):
        hint = get_type_hints(table_types()[table])[key]
        choices = [c for part in (hint, *get_args(hint)) if get_origin(part) is Literal for c in get_args(part)]
        if choices:
            return unknown(f"value of [{table}] {key}{place}", value, choices)
    return UserError(f"[{table}] {key}{place}: {what[0].lower()}{what[1:]}")


def read_tables(path: str | Path) -> list[dict[str, dict[str, object]]]:
    """The options of each experiment of a TOML file, the common ones merged in. At least one.

    Raises `UserError` for a file that is missing or no TOML, or an unknown table or key in it.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' is no TOML file: {error}") from error
    experiments = content.pop(EXPERIMENT, [{}])
    if not isinstance(experiments, list) or not all(isinstance(e, dict) for e in experiments):
        raise UserError(f"'{path}': experiments are written [[{EXPERIMENT}]], with two brackets")
    place = f" in {path}"
    _check_names(content, place)
    for experiment in experiments:
        _check_names(experiment, place)
    return [merge_tables(content, experiment) for experiment in experiments] or [content]


def load_experiments(path: str | Path) -> list[RunSpec]:
    """The experiments of a TOML file. Raises `UserError` for anything in it that is not right."""
    return [spec_from_tables(tables, str(path)) for tables in read_tables(path)]


def _check_names(tables: Mapping[str, object], place: str) -> None:
    known = table_types()
    for name, table in tables.items():
        if name not in known:
            raise unknown(f"table{place}", name, known)
        if not isinstance(table, Mapping):
            raise UserError(f"'{name}'{place} is a table: write [{name}] and its options below")
        keys = [field.name for field in fields(known[name])]
        for key in table:
            if key not in keys:
                raise unknown(f"key of [{name}]{place}", key, keys)
