"""Options that are lists: numbers with commas between them, such as 256,120, or texts one after the other."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from cyclopts import CycloptsError, Parameter, Token


def comma_list(item: type) -> Parameter:
    """The cyclopts parameter for a `tuple[item, ...]`, where `item` is int or float."""
    return Parameter(negative=(), n_tokens=1, converter=partial(_convert, item))


def _convert(item: type, _: Any, tokens: Sequence[Token]) -> tuple[Any, ...]:
    """`256,120` as (256, 120); nothing as (), so that a list can be emptied again."""
    token, *again = tokens
    if again:
        raise CycloptsError(msg=f"{token.keyword} is given {len(tokens)} times; give it once.")
    try:
        return tuple(item(part) for part in token.value.split(",") if token.value)
    except ValueError:
        kind = "whole numbers" if item is int else "numbers"
        message = f"{token.keyword} is {token.value}; it must be {kind} with commas between them."
        raise CycloptsError(msg=message) from None


Numbers = Annotated[tuple[int, ...], comma_list(int)]

Texts = Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=True)]
