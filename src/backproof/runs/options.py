"""All options of a run in one flat list, as on the command line: for `backproof.train(...)`."""

from collections.abc import Mapping
from typing import TypedDict

from backproof.errors import OptionError, suggestion
from backproof.runs.spec import RunSpec, tables
from backproof.runs.toml import spec_from_tables
from backproof.runs.use import load_options

_TYPES = {name: declared.kind for options in tables().values() for name, declared in options.items()}

Options = TypedDict("Options", _TYPES, total=False)  # type: ignore[misc]  # type checkers read it in options.pyi


def spec_from_options(options: Mapping[str, object]) -> RunSpec:
    """The specification with these options; the others have their defaults.

    Raises `UserError` for an unknown option, offering the nearest names, or a value of a wrong type.
    """
    load_options(options)
    table_of = {name: table for table, known in tables().items() for d in known.values() for name in d.names}
    given: dict[str, dict[str, object]] = {}
    for name, value in options.items():
        if name not in table_of:
            raise OptionError("unknown option '{}'; {}", name, suggestion(name, table_of))
        given.setdefault(table_of[name], {})[name] = value
    return spec_from_tables(given)
