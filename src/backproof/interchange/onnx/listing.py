"""What stands in a file of ONNX, whether it can be imported or not: for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from backproof.errors import UserError
from backproof.graph import Shape
from backproof.interchange.network import Network
from backproof.interchange.onnx.read.importing import metadata_of, node_names
from backproof.interchange.onnx.read.load import parse, read_bytes

LONG = 60
"""Characters of an attribute, at most."""


@dataclass(frozen=True)
class FileNode:
    """A node of the file: what it takes are names of values and weights; `shape` is its output's, if it is known."""

    name: str
    op_type: str
    attributes: str
    takes: tuple[str, ...]
    shape: str
    parameters: int


@dataclass(frozen=True)
class Listing:
    """A file's content.

    Attributes:
        properties: who made it, versions, and its metadata, in words.
        inputs, outputs: names, and their kinds and shapes in words.
        nodes: without those that are constants.
        parameters: how many numbers its initializers hold.
        network: what it is imported as; None if it cannot be, for the reason `refusal`.
    """

    properties: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    nodes: tuple[FileNode, ...]
    parameters: int
    network: Network | None
    refusal: str = ""


def list_file(path: str | Path, input: Shape | None = None) -> Listing:
    """Read a file within the limits of `read_onnx`, and import it if it can be, for the shapes.

    Raises `UserError` for a file that is none, is damaged, or is over the limits.
    """
    from backproof.interchange.onnx.read.reading import read

    path = Path(path)
    model = parse(read_bytes(path), str(path))
    network, refusal = None, ""
    try:
        network = read(path, input)
    except UserError as error:
        refusal = str(error)
    graph = model.graph
    sizes = {tensor.name: prod(tensor.dims) for tensor in graph.initializer}
    shapes = {} if network is None else network.graph.shapes
    nodes = [
        _node(node, name, sizes, shapes)
        for node, name in zip(graph.node, node_names(graph), strict=True)
        if node.op_type != "Constant"
    ]
    opsets = ", ".join(f"{opset.domain or 'ai.onnx'} {opset.version}" for opset in model.opset_import)
    return Listing(
        properties={"format": f"ONNX, IR {model.ir_version}, opset {opsets}"} | metadata_of(model),
        inputs={value.name: _type(value) for value in graph.input if value.name not in sizes},
        outputs={value.name: _type(value) for value in graph.output},
        nodes=tuple(nodes),
        parameters=sum(sizes.values()),
        network=network,
        refusal=refusal,
    )


def _node(node: Any, name: str, sizes: Mapping[str, int], shapes: Mapping[str, Shape]) -> FileNode:
    from onnx import helper

    attributes = ", ".join(f"{a.name}={_short(helper.get_attribute_value(a))}" for a in node.attribute)
    found = next((shapes[n] for n in (name, *node.output) if n in shapes), None)
    own = sum(sizes.get(taken, 0) for taken in node.input)
    return FileNode(name, node.op_type, attributes, tuple(node.input), "" if found is None else str(found), own)


def _short(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value).replace("\n", " ")
    return text if len(text) <= LONG else f"{text[:LONG]}..."


def _type(value: Any) -> str:
    """Such as FLOAT (N, 3, 224, 224)."""
    from onnx import TensorProto

    tensor = value.type.tensor_type
    dims = [str(dim.dim_value) if dim.HasField("dim_value") else dim.dim_param or "?" for dim in tensor.shape.dim]
    known = tensor.elem_type in TensorProto.DataType.values()
    return f"{TensorProto.DataType.Name(tensor.elem_type) if known else 'unknown'} ({', '.join(dims)})"
