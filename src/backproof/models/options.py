"""A model's options as text, and whether they are of the kind that its function declares."""

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as AbstractSequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from backproof.errors import ModelError, OptionError, unknown
from backproof.models.registry import Model


def read_options(texts: Iterable[str]) -> dict[str, Any]:
    """Options written as KEY=VALUE: whole numbers, numbers, true and false, comma lists of these, else text.

    >>> read_options(["blocks=2,3", "slope=0.1", "wide=true", "kind=swish"])
    {'blocks': (2, 3), 'slope': 0.1, 'wide': True, 'kind': 'swish'}
    """
    options: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise OptionError("{model_option} is '{}'; it must be KEY=VALUE, such as width=3", text)
        if key in options:
            raise OptionError("{model_option} gives '{}' twice; give it once", key)
        options[key] = tuple(map(_value, filter(None, value.split(",")))) if "," in value else _value(value)
    return options


def _value(text: str) -> int | float | bool | str:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}
"""How messages name the kinds that a model's function declares."""


def check_kinds(model: str, function: Model, options: Mapping[str, Any]) -> None:
    """Raise `UserError` for an option whose value is not of the kind declared: int, float, bool, str, Literal, ints."""
    hints = get_type_hints(function)
    for name, value in options.items():
        hint = hints[name]
        if get_origin(hint) is Literal:
            if value not in get_args(hint):
                raise unknown(f"{name} of model '{model}'", str(value), get_args(hint), ModelError)
        elif get_origin(hint) in (tuple, AbstractSequence):
            if not isinstance(value, tuple | list) or not all(_is(v, int) for v in value):
                raise ModelError(f"model '{model}': {name} is {value!r}; it must be whole numbers, such as 2,3")
        elif not _is(value, hint):
            raise ModelError(f"model '{model}': {name} is {value!r}; it must be {WORDS[hint]}")


def _is(value: object, kind: type) -> bool:
    """Whether a value is of a kind, where a whole number is a number too, but true is neither."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
