"""A file of ONNX as a model: the network that it holds, with another last layer where there are other classes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backproof.errors import ModelError, OptionError
from backproof.graph import Array, Graph, Node, Op, Shape
from backproof.interchange import fit_weights
from backproof.interchange.fit import is_of
from backproof.interchange.onnx import read_onnx
from backproof.ops import Conv2d, Linear, Parameter

SUFFIX = ".onnx"


def is_onnx_file(model: object) -> bool:
    """Whether a model's name is that of a file of ONNX."""
    return isinstance(model, str | Path) and str(model).endswith(SUFFIX)


def graph_in_file(path: str, input: Shape | None = None, classes: int | None = None, skip: Sequence[str] = ()) -> Graph:
    """The network in a file, for inputs of shape `input` where the file leaves sizes open, without a loss.

    Where it puts out another number than `classes`, the last of the layers in `skip` is made anew with so many.
    Raises `UserError` for a file that cannot be imported, and where its last layer has to be named.
    """
    graph = read_onnx(path, input).graph
    output = graph.shapes[graph.output]
    if classes is None or len(output) < 2 or output[1] == classes:
        return graph
    return _with_classes(graph, path, classes, skip)


def weights_in_file(path: str, graph: Graph, skip: Sequence[str] = ()) -> dict[str, Array]:
    """The weights in a file for the network that `graph_in_file` gave, but for the layers in `skip`."""
    return fit_weights(graph, read_onnx(path, graph.inputs[0].shape).parameters, path, skip)


def input_of_file(path: str) -> tuple[int, ...]:
    """The shape of one sample. Raises `UserError` if the file leaves it open."""
    shape = read_onnx(path).graph.inputs[0].shape
    return tuple(shape.fixed(axis) for axis in range(1, len(shape)))


def classes_of_file(path: str, input: Shape) -> int:
    """How many numbers the network puts out for a sample, or for a place in it."""
    graph = graph_in_file(path, input)
    return graph.shapes[graph.output].fixed(1)


def _with_classes(graph: Graph, path: str, classes: int, skip: Sequence[str]) -> Graph:
    """The network with so many outputs of the last layer in `skip`."""
    found = graph.shapes[graph.output].fixed(1)
    weighted = [node for node in graph.nodes if node.parameters]
    ops = {n.name: op for n in weighted if _skipped(n, skip) and (op := _with_outputs(n.op, found, classes))}
    if not ops:
        layer = _layer(weighted[-1]) if weighted else "LAYER"
        raise OptionError(
            f"model '{{}}' puts out {found} numbers, and the data has {classes} classes; replace its last layer with "
            "{weights_skip:{}}",
            path,
            layer,
        )
    changed = graph.with_ops(ops)
    if changed.shapes[changed.output][1] != classes:
        raise ModelError(
            f"model '{path}' still puts out {changed.shapes[changed.output]} with '{', '.join(ops)}' made anew for "
            f"{classes} classes; it is not its last layer"
        )
    return changed


def _skipped(node: Node, skip: Sequence[str]) -> bool:
    names = [node.name, *(node.path(local) for local in node.parameters)]
    return any(name == layer or is_of(name, layer) for name in names for layer in skip)


def _layer(node: Node) -> str:
    """What the names of its parameters begin with."""
    name = node.path(next(iter(node.parameters)))
    return name.rpartition(".")[0] or name


def _with_outputs(op: Op, old: int, new: int) -> Op | None:
    """The operation with `new` instead of `old` outputs; None if these are not its outputs."""
    if isinstance(op, Linear) and op.out_features == old:
        return replace(op, out_features=new)
    if isinstance(op, Conv2d) and op.out_channels == old:
        return replace(op, out_channels=new)
    if isinstance(op, Parameter) and op.shape[-1:] == (old,):
        return replace(op, shape=(*op.shape[:-1], new))
    return None
