"""A file as a network: the sizes of its inputs settled, and the batch left open where the network allows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backproof.errors import ModelError
from backproof.graph import BATCH, Graph, Input, Shape
from backproof.interchange.network import Network
from backproof.interchange.onnx.own import own_graph
from backproof.interchange.onnx.read.importing import Source, metadata_of, shape_of, translate
from backproof.interchange.onnx.read.load import parse, read_bytes
from backproof.interchange.onnx.read.tensor import kind_of_element

Dims = list[int | str | None]
"""What a file says of a shape: a number, a name for an open size, or nothing."""


def read(path: Path, input: Shape | Mapping[str, Shape] | None) -> Network:
    """See `read_onnx`."""
    source = Source(parse(read_bytes(path), str(path)), str(path), path.parent)
    if not source.inputs:
        raise ModelError(f"'{path}' has no input, so it computes nothing from samples")
    own = own_graph(source.model)
    if own is not None and _is_of(own, input):
        # Constants of whole numbers and truth values are kept with the weights, and like them as floats.
        arrays = {
            name: a if a.dtype.kind == "f" else a.astype(float) for name, a in source.arrays(own.parameters).items()
        }
        return Network(own, arrays, metadata_of(source.model))
    declared = {value.name: _declared(value, source.name) for value in source.inputs}
    given = _given(source, declared, input)
    arrays = source.arrays()
    for inputs, sure in _choices(source, declared, given):
        try:
            network = translate(source, inputs, arrays).network()
        except ModelError:
            if sure:
                raise
            continue
        if sure or _sample_by_sample(network.graph):
            return network
    raise AssertionError("the last choice is sure")


def _is_of(graph: Graph, input: Shape | Mapping[str, Shape] | None) -> bool:
    """Whether a network takes what is wanted, as it is."""
    shapes = {i.name: i.shape for i in graph.inputs}
    wanted = {} if input is None else input if isinstance(input, Mapping) else {graph.inputs[0].name: input}
    return all(shapes.get(name) == shape for name, shape in wanted.items())


def _declared(value: Any, source: str) -> Dims:
    """The dimensions of an input."""
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        raise ModelError(f"'{source}' does not say how many axes its input '{value.name}' has")
    dims: Dims = []
    for dim in value.type.tensor_type.shape.dim:
        dims.append(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None)
    return dims


def _given(source: Source, declared: Mapping[str, Dims], input: Shape | Mapping[str, Shape] | None) -> dict[str, Shape]:
    """The shapes that the caller gives, each fitting what the file declares."""
    first = next(iter(declared))
    shapes = {} if input is None else dict(input) if isinstance(input, Mapping) else {first: input}
    for name, shape in shapes.items():
        if name not in declared:
            raise ModelError(f"'{source.name}' has no input '{name}'; it has {', '.join(declared)}")
        dims = declared[name]
        open_or_equal = len(dims) == len(shape) and all(
            not isinstance(own, int) or own == dim or axis == 0
            for axis, (own, dim) in enumerate(zip(dims, shape, strict=True))
        )
        if not open_or_equal:
            raise ModelError(f"the input '{name}' of '{source.name}' is {_words(dims)}, which {shape} does not fit")
    return shapes


def _choices(
    source: Source, declared: Mapping[str, Dims], given: Mapping[str, Shape]
) -> list[tuple[list[Input], bool]]:
    """The shapes of the inputs to try, best first, and whether a choice stands even if it fails.

    A batch that the file leaves open is N. One that it fixes, as exporters do with the batch of their example, is N if
    the network then still computes each sample by itself; else it stays the number that it is.
    """
    as_declared, with_batch = [], []
    kinds = {value.name: _kind(value, source.name) for value in source.inputs}
    sizes = _sizes(declared, given)
    for name, dims in declared.items():
        place = f"the input '{name}' of '{source.name}'"
        shape = given.get(name)
        bound = list(shape) if shape is not None else [sizes.get(d, d) if isinstance(d, str) else d for d in dims]
        if bound and not isinstance(bound[0], int) and shape is None:
            bound[0] = BATCH
        if any(not isinstance(dim, int) and dim != BATCH for dim in bound):
            raise ModelError(f"{place} is {_words(dims)}; say what the open sizes are by giving the shape of the input")
        settled = [dim for dim in bound if dim is not None]
        as_declared.append(Input(name, shape_of(settled, place), kinds[name]))
        opened = [BATCH, *settled[1:]] if settled and shape is None else settled
        with_batch.append(Input(name, shape_of(opened, place), kinds[name]))
    if as_declared == with_batch:
        return [(as_declared, True)]
    return [(with_batch, False), (as_declared, True)]


def _sizes(declared: Mapping[str, Dims], given: Mapping[str, Shape]) -> dict[str, int | str]:
    """What the named open sizes are, from the inputs whose shapes are given."""
    return {
        own: dim
        for name, shape in given.items()
        for own, dim in zip(declared[name], shape, strict=True)
        if isinstance(own, str)
    }


def _kind(value: Any, source: str) -> Any:
    try:
        return kind_of_element(value.type.tensor_type.elem_type)
    except ModelError as error:
        raise ModelError(f"the input '{value.name}' of '{source}' {error}") from error


def _sample_by_sample(graph: Graph) -> bool:
    """Whether the samples stay apart: the batch stands first in every output, and first or nowhere in other values."""
    outputs = all(graph.shapes[name][:1] == (BATCH,) for name in graph.outputs)
    return outputs and not any(Shape(*shape[1:]).has_batch for shape in graph.shapes.values())


def _words(dims: Dims) -> str:
    return f"({', '.join('?' if dim is None else str(dim) for dim in dims)})"
