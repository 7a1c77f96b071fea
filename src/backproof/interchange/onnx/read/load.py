"""A file as a checked message: bounded, parsed, functions put in place of their calls, names unique."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backproof.errors import ModelError
from backproof.interchange.onnx.read import limits
from backproof.interchange.onnx.read.wire import require_bounded

STANDARD = ("", "ai.onnx")
"""The domain of ONNX's own operators, under its two names."""

OLDEST = 7
"""The first opset with broadcasting as NumPy's; files of 2017 have older ones."""


def read_bytes(path: Path) -> bytes:
    """The file. Raises `ModelError` if it is none, or larger than `limits.FILE_BYTES`."""
    if not path.is_file():
        raise ModelError(f"there is no file '{path}'")
    try:
        size = path.stat().st_size
        if size > limits.FILE_BYTES:
            raise ModelError(f"'{path}' has {size:,} bytes, and an ONNX file has {limits.FILE_BYTES:,} at most")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror or error}") from error


def parse(data: bytes, source: str) -> Any:
    """The model in `data`, checked as `checked` does."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import ModelProto

    require_bounded(data, source)
    try:
        model = ModelProto.FromString(data)
    except DecodeError as error:
        raise ModelError(f"'{source}' is no ONNX model, or is damaged") from error
    return checked(model, source)


def checked(model: Any, source: str) -> Any:
    """The model with its functions in place of their calls. Raises `ModelError` for one that cannot be.

    What is checked: opset, number of nodes, domains, and that every value has one maker.
    """
    if not model.HasField("graph") or not model.graph.output:
        raise ModelError(f"'{source}' is no ONNX model, or has no outputs")
    _require_opset(model, source)
    if model.functions:
        model = _inlined(model, source)
    graph = model.graph
    if len(graph.node) > limits.NODES:
        raise _too_many(source, len(graph.node))
    foreign = sorted({node.domain for node in graph.node} - set(STANDARD))
    if foreign:
        names = sorted({f"{node.domain}.{node.op_type}" for node in graph.node if node.domain not in STANDARD})
        raise ModelError(f"'{source}' has operators of other domains than ONNX's own: {', '.join(names)}")
    if graph.sparse_initializer:
        raise ModelError(f"'{source}' has sparse initializers, which are not imported")
    _require_unique(graph, source)
    return model


def _require_opset(model: Any, source: str) -> None:
    from onnx.defs import onnx_opset_version

    found = [opset.version for opset in model.opset_import if opset.domain in STANDARD]
    newest = onnx_opset_version()
    if len(found) != 1:
        raise ModelError(f"'{source}' must name one opset of ONNX, and names {len(found)}")
    if not OLDEST <= found[0] <= newest:
        raise ModelError(f"'{source}' is of opset {found[0]}; this version reads the opsets {OLDEST} to {newest}")


def _require_unique(graph: Any, source: str) -> None:
    """Every value is made once, and every initializer stands once."""
    initializers = Counter(tensor.name for tensor in graph.initializer)
    made = Counter(name for node in graph.node for name in node.output if name)
    inputs = Counter(value.name for value in graph.input)
    for what, counts in (("initializers", initializers), ("inputs", inputs)):
        if twice := _twice(counts):
            raise ModelError(f"'{source}' has two {what} called '{twice}'")
    if twice := _twice(made + Counter(initializers.keys() | inputs.keys())):
        raise ModelError(f"'{source}' makes the value '{twice}' twice; names must differ")


def _twice(counts: Counter[str]) -> str | None:
    return next((name for name, count in counts.items() if count > 1), None)


def _too_many(source: str, count: int) -> ModelError:
    return ModelError(f"'{source}' has {count:,} nodes, and {limits.NODES:,} is the most that is read")


def _inlined(model: Any, source: str) -> Any:
    """The model with the bodies of its functions in place of their calls, once it is known how large that will be."""
    from onnx.inliner import inline_local_functions

    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    sizes: dict[tuple[str, str, str], int] = {}

    def size(nodes: Iterable[Any], open_calls: tuple[tuple[str, str, str], ...]) -> int:
        total = 0
        for node in nodes:
            key = node.domain, node.op_type, node.overload
            if key not in functions:
                total += 1
                continue
            if key in open_calls or len(open_calls) > limits.DEPTH:
                raise ModelError(f"the functions of '{source}' call each other in a circle, or too deep: '{key[1]}'")
            if key not in sizes:
                sizes[key] = size(functions[key].node, (*open_calls, key))
            total += sizes[key]
        return total

    if (count := size(model.graph.node, ())) > limits.NODES:
        raise _too_many(source, count)
    try:
        return inline_local_functions(model)
    except Exception as error:  # onnx raises its own errors and C++'s
        raise ModelError(f"the functions of '{source}' cannot be put in place: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")
