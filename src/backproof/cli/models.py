"""`backproof models`."""

from inspect import Parameter as Argument
from inspect import getdoc
from typing import Annotated, Any

from cyclopts import Parameter

from backproof.cli.columns import columns
from backproof.cli.lists import Numbers
from backproof.graph import Shape
from backproof.models import MODELS, build, options_of, read_options
from backproof.runs.prepare import MODEL_OPTIONS


def models(
    model: str | None = None,
    /,
    *,
    input: Numbers = (1, 28, 28),
    classes: int = 10,
    model_option: Annotated[tuple[str, ...], Parameter(negative=())] = (),
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
    model_option
        An option of the model, as KEY=VALUE; may be given many times.
    """
    if model is not None:
        print(build(model, Shape("N", *input), classes, read_options(model_option)).summary())
        return
    rows = [(name, _options(options_of(name)), _purpose(name)) for name in MODELS]
    print(columns(("model", "options", "what it is"), *rows))
    print("\nOptions without dashes are the model's own: --model-option stem=small")


def _options(options: dict[str, Any]) -> str:
    """As they are written at the command line, with their defaults; `key=value` goes behind --model-option."""
    return "  ".join(
        f"--{key.replace('_', '-')} {_text(value)}" if key in MODEL_OPTIONS else f"{key}={_text(value)}"
        for key, value in options.items()
    )


def _text(value: object) -> str:
    if value is Argument.empty:
        return "VALUE"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _purpose(name: str) -> str:
    return (getdoc(MODELS[name]) or "").partition("\n")[0]
