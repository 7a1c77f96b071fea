"""The options of a run at the command line: made from `RunSpec`, so that name, type, default and help stand once."""

import inspect
from collections.abc import Callable
from dataclasses import Field, fields
from types import UnionType
from typing import Annotated, Any, TypedDict, TypeVar, get_args, get_origin, get_type_hints

from cyclopts import Group, Parameter
from docstring_parser import parse

from backproof.cli.defaults import shown
from backproof.cli.lists import comma_list
from backproof.runs.spec import RunSpec

Table = dict[str, Any]
"""The options of one help group that were really given, by the name of their field."""

SHORT = {"dataset": "-d", "model": "-m", "engine": "-e", "learning_rate": "--lr"}

Command = TypeVar("Command", bound=Callable[..., Any])


def with_run_options(command: Command) -> Command:
    """Decorator: replace the command's `**tables` by the options of a run, one help group for each table of `RunSpec`.

    The command gets a table as a dictionary that holds what was given, and None where nothing was. Values that were
    not given are left out, because a file or the options common to several experiments may give them.
    """
    own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
    tables = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_table(name, options, place))
        for place, (name, options) in enumerate(get_type_hints(RunSpec).items())
    ]
    parameters = [*own, *tables]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _table(name: str, options: type, place: int) -> Any:
    """The group's options as a type whose keys may all be absent, unlike the fields of the dataclass."""
    texts = {p.arg_name: p.description or "" for p in parse(options.__doc__ or "").params}
    types = get_type_hints(options)
    keys = {field.name: Annotated[types[field.name], _parameter(field, types, texts)] for field in fields(options)}
    table = TypedDict(f"{name}_options", keys, total=False)  # type: ignore[misc]  # its keys are known at run time only
    return Annotated[table | None, Parameter(name="*", group=Group(name.capitalize(), sort_key=place))]


def _parameter(field: Field[Any], types: dict[str, Any], texts: dict[str, str]) -> Parameter:
    default = shown(field.default)
    help_text = " ".join(texts[field.name].split()) + (f" [default: {default}]" if default else "")
    short = (SHORT[field.name],) if field.name in SHORT else ()
    item = _item_of_tuple(types[field.name])
    if item in (int, float):
        return Parameter.combine(comma_list(item), Parameter(help=help_text))
    return Parameter(help=help_text, alias=short, negative=() if item else None, show_choices=False)


def _item_of_tuple(hint: Any) -> type | None:
    """`int` for `tuple[int, ...]` and `tuple[int, ...] | None`; None for what is no tuple."""
    for part in get_args(hint) if get_origin(hint) is UnionType else (hint,):
        if get_origin(part) is tuple:
            item: type = get_args(part)[0]
            return item
    return None
