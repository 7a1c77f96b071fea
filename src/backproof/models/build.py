"""From a model's name and options to its network."""

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

from backproof.errors import ModelError, OptionError, UserError
from backproof.graph import BATCH, Graph, Shape
from backproof.models.onnx_file import graph_in_file, is_onnx_file
from backproof.models.options import check_kinds
from backproof.models.registry import MODELS, Model
from backproof.user_file import failure, is_reference, split_reference


def build(
    model: str | Model, input: Shape, classes: int, options: Mapping[str, Any], skip: Sequence[str] = ()
) -> Graph:
    """The network that `model` makes for inputs of a shape such as `Shape("N", 1, 28, 28)`, mostly without a loss.

    `model` is a registered name, `path/to/file.py:function`, or a function; `options` become its keyword arguments. Or
    it is an `.onnx` file, whose last layer is made anew for other classes if it is in `skip`.
    Raises `UserError` for an unknown model, an option that it does not take, a user's function that fails, or one that
    returns something else than a network from `input` to (N, classes), or to (N, classes, H, W), a score a pixel.
    """
    if isinstance(model, str) and is_onnx_file(model):
        if options:
            raise OptionError("model '{}' is a file, and takes no options: leave out {}", model, ", ".join(options))
        graph = graph_in_file(model, input, classes, skip)
        _check_network(model, graph, input, classes)
        return graph
    function = MODELS.require(model) if isinstance(model, str) else model
    if not callable(function):
        raise ModelError(
            f"model is a {type(model).__name__}; it must be a name, path/to/file.py:function or a function"
        )
    name = model if isinstance(model, str) else getattr(model, "__qualname__", type(model).__qualname__)
    _check_options(name, function, options)
    in_file = isinstance(model, str) and is_reference(model)
    if isinstance(model, str) and not in_file:
        check_kinds(name, function, options)
    try:
        graph = function(input, classes, **options)
    except Exception as error:
        if in_file:
            raise failure(split_reference(name)[0], error, f"model '{name}'") from error
        if isinstance(error, UserError):
            raise ModelError(f"model '{name}': {error}") from error
        raise
    _check_network(name, graph, input, classes)
    return graph


def options_of(model: str) -> dict[str, Any]:
    """A model's options and their defaults (`inspect.Parameter.empty` for an option that must be given)."""
    return {name: parameter.default for name, parameter in _options(MODELS.require(model)).items()}


def _options(function: Model) -> dict[str, Parameter]:
    """The parameters after (input, classes), without *args and **kwargs."""
    named = {n: p for n, p in signature(function).parameters.items() if p.kind not in _VARIABLE}
    return dict(list(named.items())[2:])


_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def _check_options(model: str, function: Model, options: Mapping[str, Any]) -> None:
    """Every option is one that the function takes, and every one that it needs is there."""
    parameters = signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2:
        raise ModelError(f"model '{model}' must take (input, classes) as its first arguments")
    known = _options(function)
    takes_any = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
    for name in options:
        if name not in known and not takes_any:
            takes = f"its options are {', '.join(known)}" if known else "it has none"
            raise ModelError(f"model '{model}' takes no option '{name}'; {takes}")
    for name, parameter in known.items():
        if parameter.default is Parameter.empty and name not in options:
            raise OptionError("model '{}' needs its option '{}'; give {model_option} {}=VALUE", model, name, name)


def _check_network(model: str, graph: object, input: Shape, classes: int) -> None:
    if not isinstance(graph, Graph):
        raise ModelError(f"model '{model}' returned a {type(graph).__name__}; it must return a Graph")
    if graph.inputs[0].shape != input or (graph.loss is None and len(graph.inputs) > 1):
        shapes = " and ".join(str(i.shape) for i in graph.inputs)
        raise ModelError(f"model '{model}' takes inputs of shape {shapes}; the data has {input}")
    output = graph.shapes[graph.output]
    if output not in (Shape(BATCH, classes), Shape(BATCH, classes, *input[2:])):
        hint = "; a Linear layer takes the last axis alone: put Flatten() before it" if len(output) > 2 else ""
        raise ModelError(f"model '{model}' puts out {output}; {classes} classes need {Shape(BATCH, classes)}{hint}")
