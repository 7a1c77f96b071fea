"""Networks from files of ONNX, and into them. `onnx` itself is imported when a file is read or written."""

from collections.abc import Mapping
from pathlib import Path

from backproof.graph import Arrays, Graph
from backproof.interchange.onnx.require import require_onnx

OPSET = 20
"""The version of ONNX's operators that is written unless another is asked for."""


def onnx_bytes(
    graph: Graph,
    parameters: Arrays,
    *,
    opset: int = OPSET,
    dtype: str = "float32",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """`graph` with its weights as the content of a `.onnx` file, for inference. Losses are left out.

    Every parameter is an initializer of its own full name, and every node's value has the name of the node.

    Args:
        graph: of operations of backproof's own.
        parameters: by full name; kept as `dtype`, "float32" or "float64".
        opset: the version of ONNX's operators, 18 or later.
        metadata: what the file is to say of itself besides its graph, version and hash.

    Raises `UserError` for an opset that cannot be written, operations that ONNX has no word for, each with its node, or
    a file of 2 GiB and more; or if onnx is not installed.
    """
    require_onnx("a file of ONNX")
    from backproof.interchange.onnx.write.model import onnx_bytes

    return onnx_bytes(graph, parameters, opset=opset, dtype=dtype, metadata=metadata)


def write_onnx(path: str | Path, graph: Graph, parameters: Arrays, **options: object) -> None:
    """Write what `onnx_bytes` gives, with the same options. Raises `UserError` where the file cannot be written."""
    from backproof.errors import ModelError

    content = onnx_bytes(graph, parameters, **options)  # type: ignore[arg-type]
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise ModelError(f"cannot write '{path}': {error.strerror or error}") from error
