"""`backproof models`."""

from inspect import Parameter as Argument
from inspect import getdoc
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from backproof.cli.columns import columns
from backproof.cli.lists import Numbers
from backproof.graph import Shape
from backproof.models import MODELS, build, is_onnx_file, options_of, read_options
from backproof.runs.prepare import MODEL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backproof.interchange.onnx.listing import Listing

WIDTH = 90
"""Characters of an entry of a file's metadata, at most."""


def models(
    model: str | None = None,
    /,
    *,
    input: Numbers | None = None,
    classes: int = 10,
    model_option: Annotated[tuple[str, ...], Parameter(negative=())] = (),
) -> None:
    """List the models and their options, or print the layers of one, or what is in a file of ONNX.

    Parameters
    ----------
    model
        Print the layers of this model: a name, path/to/file.py:function, or path/to/file.onnx.
    input
        The shape of one sample: channels, height and width, or the number of features; 1,28,28 if not given, or what
        the file takes.
    classes
        How many classes there are.
    model_option
        An option of the model, as KEY=VALUE; may be given many times.
    """
    if model is not None and is_onnx_file(model):
        print(_file(model, Shape("N", *input) if input else None))
        return
    if model is not None:
        print(build(model, Shape("N", *(input or (1, 28, 28))), classes, read_options(model_option)).summary())
        return
    rows = [(name, _options(options_of(name)), _purpose(name)) for name in MODELS]
    print(columns(("model", "options", "what it is"), *rows))
    print("\nOptions without dashes are the model's own: --model-option stem=small")


def _file(path: str, input: Shape | None) -> str:
    """What a file of ONNX says of itself, its nodes one a line, and what it is imported as."""
    from backproof.interchange.onnx.listing import list_file

    listing = list_file(path, input)
    said = [(name, _line(text)) for name, text in listing.properties.items()]
    ends = [(f"{kind} {name}", text) for kind in ("input", "output") for name, text in _ends(listing, kind)]
    rows = [("node", "operator", "output shape", "parameters", "takes", "attributes")]
    rows += [
        (n.name, n.op_type, n.shape, f"{n.parameters:,}" if n.parameters else "", " ".join(n.takes), n.attributes)
        for n in listing.nodes
    ]
    if listing.network is None:
        end = f"It cannot be imported: {listing.refusal}"
    else:
        graph = listing.network.graph
        trainable = f"{graph.parameter_count:,} trainable numbers"
        end = f"It is imported as a network of {len(graph.nodes):,} nodes with {trainable}."
    total = f"{len(listing.nodes):,} nodes, {listing.parameters:,} numbers in initializers"
    return "\n".join([columns(*said, *ends), "", columns(*rows), "", total, end])


def _ends(listing: "Listing", kind: str) -> "Iterable[tuple[str, str]]":
    return (listing.inputs if kind == "input" else listing.outputs).items()


def _line(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}..."


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
