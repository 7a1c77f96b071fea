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
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from backproof.errors import OptionError, UserError, suggestion, unknown
from backproof.runs.optimizer import OptimizerOptions, optimizer_options
from backproof.runs.spec import RunSpec, tables

Tables = Mapping[str, Mapping[str, object]]
"""A part of a run's specification: options by the name of their table and their own."""

EXPERIMENT = "experiment"


def tables_of(spec: RunSpec) -> dict[str, dict[str, Any]]:
    """All options of `spec` as plain values. An option that is None has none: it is left out."""
    tables: dict[str, dict[str, Any]] = asdict(spec)  # msgspec.to_builtins would leave out defaults of converted ones
    tables["optimizer"] |= tables["optimizer"].pop("settings")
    return {name: {key: v for key, v in table.items() if v is not None} for name, table in tables.items()}


def effective_tables(spec: RunSpec) -> dict[str, dict[str, Any]]:
    """As `tables_of`, with the defaults of the settings that optimizer and schedule have."""
    return tables_of(spec) | {"optimizer": spec.optimizer.effective}


def to_toml(spec: RunSpec) -> str:
    """All options of `spec`, defaults included, so that it can be repeated by a later version too."""
    return tomli_w.dumps(tables_of(spec))


def merge_tables(under: Tables, over: Tables) -> dict[str, dict[str, object]]:
    """The options of both; where both have one, that of `over`."""
    names = [*under, *(name for name in over if name not in under)]
    return {name: {**under.get(name, {}), **over.get(name, {})} for name in names}


def spec_from_tables(given: Tables, source: str = "", over: Tables | None = None) -> RunSpec:
    """A specification from some of its options; the others have their defaults.

    `given` comes from `source`, such as a file, and options of `over` go before it. Raises `UserError` for an unknown
    table or key, or a value that cannot be; one of `source` is named as there.
    """
    tables = merge_tables(_named(given, source), over or {})
    try:
        return _converted(tables)
    except OptionError as error:
        option = error.option.partition("[")[0]  # layers of layers[1]
        if source and not any(option in options for options in (over or {}).values()):
            error.place, error.naming = source, _name_in_file
        raise


def _converted(tables: dict[str, dict[str, object]]) -> RunSpec:
    """The specification; settings of optimizers that are not registered are taken as they are."""
    chosen = _chosen(tables.get("optimizer", {}))
    kinds = {name: declared.kind for name, declared in optimizer_options().items()}
    kinds |= {name: declared.kind | None for name, declared in chosen.declared.items()}
    settings = {}
    for name, value in tables.get("optimizer", {}).items():
        try:
            settings[name] = msgspec.convert(value, kinds.get(name, Any))
        except msgspec.ValidationError as error:
            raise _wrong_value(tables, f"{error} - at `$.optimizer.{name}") from error
    try:
        spec = msgspec.convert({name: table for name, table in tables.items() if name != "optimizer"}, RunSpec)
    except msgspec.ValidationError as error:
        raise _wrong_value(tables, str(error)) from error
    return replace(spec, optimizer=OptimizerOptions(**settings))


def _name_in_file(name: str, value: str) -> str:
    """[training] epochs, or [training] epochs = 3."""
    option = name.partition("[")[0]
    table = next((f"[{table}] " for table, options in tables().items() if option in options), "")
    return f"{table}{name} = {value}" if value else f"{table}{name}"


def _wrong_value(given: Tables, message: str) -> OptionError:
    """The user's words for what msgspec says: `Expected ..., got ... - at `$.table.key`."""
    what, _, where = message.partition(" - at `$.")
    table, _, key = where.rstrip("`").partition(".")
    value, declared = given[table].get(key), tables()[table].get(key)
    if isinstance(value, str) and declared is not None and declared.choices:
        return OptionError(f"{{{key}}} is '{{}}'; {{}}", value, suggestion(value, declared.choices))
    return OptionError(f"{{{key}}}: {{}}{{}}", what[0].lower(), what[1:])


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
    common = _named(content, str(path))
    return [merge_tables(common, _named(experiment, str(path))) for experiment in experiments] or [common]


def load_experiments(path: str | Path) -> list[RunSpec]:
    """The experiments of a TOML file. Raises `UserError` for anything in it that is not right."""
    return [spec_from_tables(tables, str(path)) for tables in read_tables(path)]


def _named(given: Mapping[str, object], source: str) -> dict[str, dict[str, object]]:
    """The options by their names, for an alias too. Raises `UserError` for a table or key that is unknown."""
    known, found = tables(), dict[str, dict[str, object]]()
    place = f" in {source}" if source else ""
    for table, options in given.items():
        if table not in known:
            raise unknown(f"table{place}", table, known)
        if not isinstance(options, Mapping):
            raise UserError(f"'{table}'{place} is a table: write [{table}] and its options below")
        names = {name: key for key, declared in known[table].items() for name in declared.names}
        for key in options:
            if key not in names and (table != "optimizer" or _chosen(options).known):
                raise unknown(f"key of [{table}]{place}", key, known[table])
        found[table] = {}
        for key, value in options.items():
            name = names.get(key) or key
            if name in found[table]:
                raise UserError(f"[{table}]{place} has '{name}' twice, once under another name")
            found[table][name] = value
    return found


def _chosen(table: Mapping[str, object]) -> OptimizerOptions:
    """The optimizer and schedule that a table [optimizer] names, without settings."""
    usual = OptimizerOptions()
    return OptimizerOptions(
        optimizer=str(table.get("optimizer", usual.optimizer)), schedule=str(table.get("schedule", usual.schedule))
    )
