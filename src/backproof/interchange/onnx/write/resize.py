"""Images made larger or smaller."""

import numpy as np
import numpy.typing as npt

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Resize

EXACT = 1e-5
"""How far a weight may be off where a runtime works it out in float32."""


@writes(Resize)
def resize(w: Writer, op: Resize, x: str) -> str:
    """`Resize` where its formula, in the float32 of runtimes, finds the same pixels; else by indices, or a product."""
    sizes = [int(dim) for dim in w.inputs[0][2:]]
    out = [int(dim) for dim in w.node.shape[2:]]
    words = {
        "mode": "nearest" if op.mode == "nearest" else "linear",
        "coordinate_transformation_mode": "asymmetric"
        if op.mode == "nearest"
        else "align_corners"
        if op.align_corners
        else "half_pixel",
        "nearest_mode": "floor" if op.mode == "nearest" else None,
    }
    ratios = [np.float32(o) / np.float32(s) for o, s in zip(out, sizes, strict=True)]
    if all(_same(op, sizes, axis, ratios[axis]) for axis in (0, 1)):
        return w("Resize", x, "", "", w.ints(*out), axes=[2, 3], **words)
    if isinstance(op.scale_factor, tuple):
        factors = [np.float32(factor) for factor in op.scale_factor]
        if all(_same(op, sizes, axis, factors[axis]) for axis in (0, 1)):
            return w("Resize", x, "", w.constant(factors, "float32"), axes=[2, 3], **words)
    if op.mode == "nearest":
        for axis, size in enumerate(sizes):
            x = w("Gather", x, w.ints(*(place.lower for place in op.places(size, axis))), axis=2 + axis)  # type: ignore[arg-type]
        return x
    rows, columns = (_weights(op, size, axis) for axis, size in enumerate(sizes))
    return w("MatMul", w("MatMul", w.constant(rows), x), w.constant(columns.T))


def _same(op: Resize, sizes: list[int], axis: int, scale: np.float32) -> bool:
    """Whether ONNX's formula with this scale, computed in float32, comes to our places along an axis."""
    size, places = sizes[axis], op.places(sizes[axis], axis)  # type: ignore[arg-type]
    i = np.arange(len(places), dtype=np.float32)
    if int(np.floor(np.float32(size) * scale)) != len(places) and len(places) != round(size * float(scale)):
        return False
    if op.mode == "nearest":
        return np.array_equal(np.minimum(np.floor(i / scale), size - 1), [place.lower for place in places])
    if op.align_corners:
        u = i * np.float32(size - 1) / np.float32(max(len(places) - 1, 1))
    else:
        u = (i + np.float32(0.5)) / scale - np.float32(0.5)
    ours = [place.lower + (place.upper > place.lower) * place.weight for place in places]
    return bool(np.all(np.abs(np.clip(u, 0, size - 1) - ours) <= EXACT * size))


def _weights(op: Resize, size: int, axis: int) -> npt.NDArray[np.float64]:
    """(out, size): what each input row gives to each output row."""
    places = op.places(size, axis)  # type: ignore[arg-type]
    weights = np.zeros((len(places), size))
    for row, place in zip(weights, places, strict=True):
        row[place.lower] += 1 - place.weight
        row[place.upper] += place.weight
    return weights
