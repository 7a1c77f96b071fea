"""Images made larger or smaller."""

import numpy as np
import numpy.typing as npt

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Resize
from backproof.ops.resize import Taps

EXACT = 1e-5
"""How far a weight may be off where a runtime works it out in float32."""

MODES = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}


@writes(Resize)
def resize(w: Writer, op: Resize, x: str) -> str:
    """`Resize` where its formula, in the float32 of runtimes, finds the same pixels; else by indices, or a product."""
    sizes = [w.inputs[0].fixed(axis) for axis in (2, 3)]
    out = [w.node.shape.fixed(axis) for axis in (2, 3)]
    plain = "asymmetric" if op.mode == "nearest" else "align_corners" if op.align_corners else "half_pixel"
    words = {
        "mode": MODES[op.mode],
        "coordinate_transformation_mode": op.coordinate_transformation_mode or plain,
        "nearest_mode": op.nearest_mode if op.mode == "nearest" else None,
        "cubic_coeff_a": op.cubic_coeff_a if op.mode == "bicubic" else None,
        "exclude_outside": int(op.exclude_outside) or None,
        "extrapolation_value": op.extrapolation_value or None,
    }
    taps = [op.taps(size, axis) for axis, size in enumerate(sizes)]  # type: ignore[arg-type]
    if op.roi is not None:
        roi = w.constant(op.roi, "float32")
        return w("Resize", x, roi, "", w.ints(*out), axes=[2, 3], **words)
    usual = op.coordinate_transformation_mode is None and not op.antialias
    smooth = op.mode != "nearest" and not op.antialias
    ratios = [np.float32(o) / np.float32(s) for o, s in zip(out, sizes, strict=True)]
    if all(usual and _same(op, sizes[axis], taps[axis], ratios[axis]) for axis in (0, 1)) or (
        smooth and op.scale_factor is None
    ):
        return w("Resize", x, "", "", w.ints(*out), axes=[2, 3], **words)
    # Where the size stays as it was, ONNX Runtime hands on what it got, whatever the scales.
    if isinstance(op.scale_factor, tuple) and op.size is None and out != sizes:
        factors = [np.float32(factor) for factor in op.scale_factor]
        # With align_corners ONNX's own evaluator takes H scale for H', ONNX Runtime what that is rounded to.
        clear = smooth and not usual and op.coordinate_transformation_mode != "align_corners"
        if clear or all(_same(op, sizes[axis], taps[axis], factors[axis]) for axis in (0, 1)):
            return w("Resize", x, "", w.constant(factors, "float32"), axes=[2, 3], **words)
    if op.mode == "nearest":
        for axis in (0, 1):
            x = w("Gather", x, w.ints(*(tap.rows[0] for tap in taps[axis])), axis=2 + axis)
        return x
    rows, columns = (_weights(taps[axis], size) for axis, size in enumerate(sizes))
    return w("MatMul", w("MatMul", w.constant(rows), x), w.constant(columns.T))


def _same(op: Resize, size: int, taps: list[Taps], scale: np.float32) -> bool:
    """Whether ONNX's formula with this scale, computed in float32, comes to our pixels along an axis."""
    i = np.arange(len(taps), dtype=np.float32)
    if int(np.floor(np.float32(size) * scale)) != len(taps) and len(taps) != round(size * float(scale)):
        return False
    if op.mode == "nearest":
        return np.array_equal(np.minimum(np.floor(i / scale), size - 1), [tap.rows[0] for tap in taps])
    if op.align_corners:
        u = i * np.float32(size - 1) / np.float32(max(len(taps) - 1, 1))
    else:
        u = (i + np.float32(0.5)) / scale - np.float32(0.5)
    if op.mode == "bilinear":
        u = np.clip(u, 0, size - 1)
    theirs = [op.around(float(place), size) for place in u]
    return bool(np.all(np.abs(_weights(theirs, size) - _weights(taps, size)) <= EXACT * size))


def _weights(taps: list[Taps], size: int) -> npt.NDArray[np.float64]:
    """(out, size): what each input row gives to each output row."""
    weights = np.zeros((len(taps), size))
    for row, tap in zip(weights, taps, strict=True):
        np.add.at(row, np.array(tap.rows, int), tap.weights)
    return weights
