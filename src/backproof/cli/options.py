"""The options of a run at the command line: made from their declarations, which hold name, type, default and help."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from cyclopts import Group, Parameter

from backproof.cli.defaults import shown
from backproof.cli.lists import comma_list
from backproof.option import Declared
from backproof.runs.spec import tables

Table = dict[str, Any]
"""The options of one help group that were really given, by their names."""


def with_run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the options of a run for its `**tables`, one help group for each table of `RunSpec`.

    The command gets a table as a dictionary that holds what was given, and None where nothing was. Values that were
    not given are left out, because a file or the options common to several experiments may give them.
    """
    return with_options(**tables())(command)


def with_options(**groups: dict[str, Declared]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the command gets each of `groups` as a keyword, as `with_run_options` has it."""
    tables = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_group(name, options, place))
        for place, (name, options) in enumerate(groups.items())
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD and p.name not in groups]
        parameters = [*own, *tables]

        def whole(*positional: Any, **given: Any) -> Any:
            return command(*positional, **given)

        whole.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        whole.__annotations__ = {p.name: p.annotation for p in parameters}
        whole.__name__, whole.__doc__ = command.__name__, command.__doc__
        return whole

    return decorate


def _group(name: str, options: dict[str, Declared], place: int) -> Any:
    """The group's options as a type whose keys may all be absent, unlike the fields of the dataclass."""
    keys = {declared.name: Annotated[declared.kind, _parameter(declared)] for declared in options.values()}
    table = TypedDict(f"{name}_options", keys, total=False)  # type: ignore[misc]  # its keys are known at run time only
    return Annotated[table | None, Parameter(name="*", group=Group(name.capitalize(), sort_key=place))]


def _parameter(declared: Declared) -> Parameter:
    default, alias = shown(declared.default), declared.option.alias
    help_text = declared.option.help + (f" [default: {default}]" if default else "")
    if declared.item in (int, float):
        return Parameter.combine(comma_list(declared.item), Parameter(help=help_text))
    return Parameter(
        help=help_text, alias=(alias,) if alias else (), negative=() if declared.item else None, show_choices=False
    )
