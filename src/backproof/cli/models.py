"""`backproof models`."""

from inspect import Parameter, getdoc
from typing import Annotated, Any

from backproof.cli.columns import columns
from backproof.cli.comma import comma_list
from backproof.graph import Shape
from backproof.models import MODELS, build, options_of


def models(
    model: str | None = None,
    /,
    *,
    input: Annotated[tuple[int, ...], comma_list(int)] = (1, 28, 28),
    classes: int = 10,
) -> None:
    """List the models and their options, or print the layers of one.

    Parameters
    ----------
    model
        Print the layers of this model: a name, or path/to/file.py:function.
    input
        The shape of one sample: channels, height and width as 1,28,28, or the number of features.
    classes
        How many classes there are.
    """
    if model is not None:
        print(build(model, Shape("N", *input), classes, {}).summary())
        return
    rows = [(name, _options(options_of(name)), _purpose(name)) for name in MODELS]
    print(columns(("model", "options", "what it is"), *rows))


def _options(options: dict[str, Any]) -> str:
    return "  ".join(f"--{key.replace('_', '-')} {_text(value)}" for key, value in options.items())


def _text(value: object) -> str:
    if value is Parameter.empty:
        return "VALUE"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _purpose(name: str) -> str:
    return (getdoc(MODELS[name]) or "").partition("\n")[0]
