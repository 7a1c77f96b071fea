"""Networks from files of ONNX, and into them. `onnx` itself is imported when a file is read or written."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backproof.graph import Arrays, Graph, Shape
from backproof.interchange.network import Network
from backproof.interchange.onnx.require import require_onnx

if TYPE_CHECKING:
    from backproof.data.options import PreprocessingOptions

OPSET = 20
"""The version of ONNX's operators that is written unless another is asked for."""


def read_onnx(path: str | Path, input: Shape | Mapping[str, Shape] | None = None) -> Network:
    """The network in an ONNX file, with its weights: opsets 7 to the newest, float32 and float64.

    Nodes and weights keep their names. Constants and sizes that nodes compute are worked out; a batch that stays open,
    or that the file fixes though every sample is computed by itself, is N.

    Args:
        path: the file; weights outside of it must be in its folder.
        input: the shape of the first input, or of several by name, where the file leaves sizes open or other ones are
            wanted: `Shape("N", 3, 320, 320)`.

    Raises `UserError` if the file is damaged, larger than `read.limits` allow, or has nodes that cannot be imported,
    all of which the sentence names with the reasons; or if `onnx` is not installed.
    """
    require_onnx(f"'{path}'")
    from backproof.interchange.onnx.read.reading import read

    return read(Path(path), input)


def onnx_bytes(
    graph: Graph,
    parameters: Arrays,
    *,
    opset: int = OPSET,
    dtype: str = "float32",
    metadata: Mapping[str, str] | None = None,
    preprocessing: "PreprocessingOptions | None" = None,
    image_shape: tuple[int, ...] = (),
) -> bytes:
    """`graph` with its weights as the content of a `.onnx` file, for inference. Losses are left out.

    Every parameter is an initializer of its own full name, and every node's value has the name of the node.

    Args:
        graph: of operations of backproof's own.
        parameters: by full name; kept as `dtype`, "float32" or "float64".
        opset: the version of ONNX's operators, 18 or later.
        metadata: what the file is to say of itself besides its graph, version and hash.
        preprocessing: written as nodes in front of the network: the file then takes "pixels", bytes (N, H, W, C).
        image_shape: (C, H, W) after preprocessing, where the network takes images that are flattened.

    Raises `UserError` for an opset that cannot be written, operations that ONNX has no word for, each with its node, a
    step of preprocessing that cannot be a node, or a file of 2 GiB and more; or if onnx is not installed.
    """
    require_onnx("a file of ONNX")
    from backproof.interchange.onnx.write.model import onnx_bytes

    return onnx_bytes(
        graph,
        parameters,
        opset=opset,
        dtype=dtype,
        metadata=metadata,
        preprocessing=preprocessing,
        image_shape=image_shape,
    )


def check_bytes(content: bytes) -> None:
    """Let onnx check a file: every node against its declaration, and all shapes. Raises what the checker raises."""
    import onnx

    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)


def write_onnx(path: str | Path, graph: Graph, parameters: Arrays, **options: object) -> None:
    """Write what `onnx_bytes` gives, with the same options. Raises `UserError` where the file cannot be written."""
    from backproof.errors import ModelError

    content = onnx_bytes(graph, parameters, **options)  # type: ignore[arg-type]
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise ModelError(f"cannot write '{path}': {error.strerror or error}") from error
