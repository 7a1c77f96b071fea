"""A model as a file for other programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backproof.data.preprocessing import steps_of
from backproof.engines import EVALUATION, get_engine
from backproof.errors import ModelError, OptionError
from backproof.graph import Array
from backproof.infer.loaded import LoadedModel
from backproof.interchange.onnx import OPSET, check_bytes, onnx_bytes
from backproof.interchange.weights import PYTORCH, SAFETENSORS, weights_bytes
from backproof.train.checkpoint import write_atomically

ONNX = (".onnx",)

ROOM = 30
"""How many times as far as rounding to float32 moves our own output ONNX Runtime's may be from it."""

LEAST = 1e-5
"""What may in any case lie between the two, as a share of the largest number."""


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: of the file.
        size: its bytes.
        parameters: how many numbers it holds.
        difference: how far ONNX Runtime's output on it is from backproof's, as a share of the largest number of that;
            None of a file of weights alone.
    """

    path: Path
    size: int
    parameters: int
    difference: float | None = None


def export(model: LoadedModel, path: str | Path, *, opset: int = OPSET, preprocess: bool = False) -> Exported:
    """Write the model as `.onnx`, or its weights alone as `.safetensors`, `.pth` or `.pt`, under PyTorch's names.

    A file of ONNX has the names of classes, the preprocessing, the run and the network's hash as metadata. It is
    checked by onnx, run by ONNX Runtime and compared with the network before it is kept. The file appears whole.

    Args:
        model: what `load_model` gives.
        path: the file.
        opset: of `.onnx`: the version of ONNX's operators.
        preprocess: of `.onnx`: the preprocessing becomes nodes, so that the file takes pixels, bytes (N, H, W, C).

    Raises `UserError` for another suffix, for what ONNX has no word for, where the file cannot be written, and if a
    library is not installed.
    """
    path = Path(path)
    if path.suffix not in (*ONNX, *SAFETENSORS, *PYTORCH):
        raise OptionError("{output:{}} must end in {}", path, ", ".join((*ONNX, *SAFETENSORS, *PYTORCH)))
    if path.suffix in ONNX:
        content, difference = _onnx(model, opset, preprocess)
    else:
        for name, given in (("opset", opset != OPSET), ("preprocess", preprocess)):
            if given:
                raise OptionError(f"{{{name}}} is for .onnx, not for '{{}}', which holds weights alone", path)
        content, difference = weights_bytes(path, model.parameters), None
    try:
        write_atomically(path, content)
    except OSError as error:
        raise ModelError(f"cannot write '{path}': {error.strerror or error}") from error
    return Exported(path, len(content), sum(np.size(array) for array in model.parameters.values()), difference)


def _onnx(model: LoadedModel, opset: int, preprocess: bool) -> tuple[bytes, float]:
    """The file's content, known to be good, and how far its output is from the network's."""
    runtime = get_engine("onnxruntime")
    if preprocess and model.preprocessing is None:
        raise OptionError("{preprocess}: nothing is known of the preprocessing of '{}'", model.name)
    content = onnx_bytes(
        model.graph,
        model.parameters,
        opset=opset,
        metadata=model.file_metadata(),
        preprocessing=model.preprocessing if preprocess else None,
        image_shape=model.image_shape,
    )
    check_bytes(content)
    given, x = _pixels(model) if preprocess else _samples(model)
    found = runtime.run_file(content, given)  # type: ignore[attr-defined]
    return content, _difference(model, x, dict(zip(model.graph.outputs, found.values(), strict=True)))


def _samples(model: LoadedModel) -> tuple[dict[str, Array], Array]:
    """Samples for the file, and for the network."""
    x = np.random.default_rng(0).standard_normal(model.input.bind(model.batch or 2)).astype(np.float32)
    return {model.graph.inputs[0].name: x}, x


def _pixels(model: LoadedModel) -> tuple[dict[str, Array], Array]:
    """Pictures for the file, and what our own preprocessing makes of them."""
    options = model.preprocessing
    assert options is not None
    channels, height, width = model.image_shape
    if options.resize or options.center_crop:
        height, width = height + 7, width + 12
    shape = (model.batch or 2, height, width, 3 if options.grayscale else channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    images = []
    for picture in pixels:
        image = picture.astype(np.float32) / 255
        for step in steps_of(options):
            image = step(image)
        images.append(np.moveaxis(image, 2, 0))
    x = np.stack(images)
    return {"pixels": pixels}, np.ascontiguousarray(x.reshape(len(x), *map(int, model.input[1:])))


def _difference(model: LoadedModel, x: Array, found: Mapping[str, Array]) -> float:
    """How far the file's output is from ours. Raises an error if that is more than rounding explains."""
    graph, name = model.graph, model.graph.inputs[0].name
    numpy = get_engine("numpy")
    exact, rounded = (
        numpy.compile(graph, model.parameters, dtype=dtype).forward({name: x}, EVALUATION, graph.outputs)
        for dtype in ("float64", "float32")
    )
    worst = 0.0
    for output in graph.outputs:
        largest = float(np.max(np.abs(exact[output]))) or 1.0
        difference, rounding = (float(np.max(np.abs(y[output] - exact[output]))) / largest for y in (found, rounded))
        if not difference <= max(LEAST, ROOM * rounding):
            raise ModelError(
                f"ONNX Runtime makes of the file something else than backproof of '{model.name}': '{output}' is "
                f"{difference:.1e} of its largest number off, and rounding explains {rounding:.1e}; nothing was written"
            )
        worst = max(worst, difference)
    return worst
