"""Lists of numbers with commas between them, such as 256,120."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from cyclopts import CycloptsError, Parameter, Token


def comma_list(item: type, help: str | None = None) -> Parameter:
    """The cyclopts parameter for a `tuple[item, ...]`, where `item` is int or float."""
    return Parameter(help=help, negative=(), n_tokens=1, converter=partial(_convert, item))


def _convert(item: type, _: Any, tokens: Sequence[Token]) -> tuple[Any, ...]:
    """`256,120` as (256, 120); nothing as (), so that a list can be emptied again."""
    (token,) = tokens
    try:
        return tuple(item(part) for part in token.value.split(",") if token.value)
    except ValueError:
        kind = "whole numbers" if item is int else "numbers"
        message = f"{token.keyword} is {token.value}; it must be {kind} with commas between them."
        raise CycloptsError(msg=message) from None
