"""Arrays made larger or smaller."""

from typing import Any

import numpy as np

from backproof.errors import ModelError
from backproof.graph.shape import Dim
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.operators.rearrange import joined
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import Resize, View

MODES = {"nearest": "nearest", "linear": "bilinear", "bilinear": "bilinear", "cubic": "bicubic"}


@imports("Resize", "Upsample")
def resize(call: Call) -> Edge:
    """By factors or to sizes, along any axes: height and width of images at once, others one after the other."""
    x = call.edge()
    axes, sizes, scales = _target(call, x)
    roi = _roi(call, len(axes))
    parts = {
        axis: (size, scale, box)
        for axis, size, scale, box in zip(axes, sizes, scales, roi, strict=True)
        if size is None or size != x.shape[axis] or box is not None
    }
    if not parts:
        return x
    attributes = _attributes(call)
    if len(x.shape) == 4 and min(parts) >= 2:
        return call.add(_op([parts.get(axis) for axis in (2, 3)], x.shape[2:], attributes), x)
    for place, (axis, part) in enumerate(sorted(parts.items())):
        x = _along(call, x, axis, part, attributes, "" if place == len(parts) - 1 else str(place))
    return x


Part = tuple[Any, float | None, tuple[float, float] | None]
"""The size or the factor of an axis, and which part of it is looked at."""


def _along(call: Call, x: Edge, axis: int, part: Part, attributes: dict[str, Any], suffix: str) -> Edge:
    """One axis, as the height of images."""
    dims: list[Dim] = list(x.shape)
    before = (dims[0], joined(dims[1:axis])) if axis else (1, 1)
    image = call.add(View((*before, dims[axis], joined(dims[axis + 1 :]))), x, suffix=f"image{axis}")
    resized = call.add(_op([part, None], image.shape[2:], attributes), image, suffix=f"resize{axis}")
    return call.add(View((*dims[:axis], resized.shape[2], *dims[axis + 1 :])), resized, suffix=suffix)


def _op(parts: list[Part | None], shape: tuple[Dim, ...], attributes: dict[str, Any]) -> Resize:
    """On height and width, one of which may stay."""
    whole = [(int(size), 1.0, (0.0, 1.0)) for size in shape]
    settled = [own if part is None else part for own, part in zip(whole, parts, strict=True)]
    sizes = [size for size, _, _ in settled]
    scales = [1.0 if scale is None else scale for _, scale, _ in settled]
    by_size = all(part is None or part[1] is None for part in parts)
    target: dict[str, Any] = {"size": tuple(sizes)} if by_size else {"scale_factor": tuple(scales)}
    if not by_size and None not in sizes:
        target["size"] = tuple(sizes)
    boxes = [(0.0, 1.0) if box is None else box for _, _, box in settled]
    coordinates = attributes.get("coordinate_transformation_mode")
    if coordinates == "align_corners" and attributes["mode"] != "nearest" and by_size:
        attributes = {n: v for n, v in attributes.items() if n != "coordinate_transformation_mode"}
        attributes["align_corners"] = True
    if coordinates == "tf_crop_and_resize":
        target["roi"] = (boxes[0][0], boxes[1][0], boxes[0][1], boxes[1][1])
    return Resize(**target, **attributes)


def _attributes(call: Call) -> dict[str, Any]:
    """How the places between pixels are found; what is backproof's own default is left out."""
    if call["mode"] not in MODES:
        raise ModelError(f"its mode is {call['mode']}; known are {', '.join(MODES)}")
    mode = MODES[call["mode"]]
    coordinates = call["coordinate_transformation_mode"] or "asymmetric"
    rounding = call["nearest_mode"] or "floor"
    found: dict[str, Any] = {"mode": mode}
    if coordinates != ("asymmetric" if mode == "nearest" else "half_pixel"):
        found["coordinate_transformation_mode"] = coordinates
    if mode == "nearest":
        return found | ({"nearest_mode": rounding} if rounding != "floor" else {})
    return found | {
        name: value
        for name, value in (
            ("cubic_coeff_a", call["cubic_coeff_a"] if mode == "bicubic" else None),
            ("antialias", bool(call["antialias"])),
            ("exclude_outside", bool(call["exclude_outside"])),
            ("extrapolation_value", call["extrapolation_value"]),
        )
        if value
    }


def _target(call: Call, x: Edge) -> tuple[list[int], list[Dim | None], list[float | None]]:
    """Axes, and for each its size or its factor; with the aspect kept both."""
    sizes = call.dims(3) if call.version >= 11 and call.has(3) else ()
    axes = [call.axis(axis) for axis in call["axes"] or range(len(x.shape))]
    if sizes:
        if len(sizes) != len(axes):
            raise ModelError(f"it has {len(sizes)} sizes for {len(axes)} axes")
        policy = call["keep_aspect_ratio_policy"] or "stretch"
        if policy == "stretch":
            return axes, list(sizes), [None] * len(axes)
        ratios = [int(size) / int(x.shape[axis]) for size, axis in zip(sizes, axes, strict=True)]
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        return axes, [int(np.floor(ratio * int(x.shape[axis]) + 0.5)) for axis in axes], [ratio] * len(axes)
    scales = call["scales"] if call.version < 9 else call.numbers(1 if call.version < 11 else 2)
    if not scales or len(scales) != len(axes) or min(scales) <= 0:
        raise ModelError(f"its factors are {scales}, for {len(axes)} axes")
    scales = [float(str(np.float32(scale))) if call["axes"] is None else float(scale) for scale in scales]
    return axes, *_by_scale(x, axes, scales)


def _by_scale(x: Edge, axes: list[int], scales: list[float]) -> tuple[list[Dim | None], list[float | None]]:
    """Where a factor gives a whole size, the size says it all."""
    sizes: list[Dim | None] = []
    for axis, scale in zip(axes, scales, strict=True):
        dim = x.shape[axis]
        whole = scale == 1 or (isinstance(dim, int) and float(dim * scale).is_integer())
        sizes.append((dim if scale == 1 else int(int(dim) * scale)) if whole else None)
    if all(size is not None for size in sizes):
        return sizes, [None] * len(axes)
    return [size if scale == 1 else None for size, scale in zip(sizes, scales, strict=True)], list(scales)


def _roi(call: Call, count: int) -> list[tuple[float, float] | None]:
    """The part of each axis that is looked at, for one of the ways to find places."""
    if call["coordinate_transformation_mode"] != "tf_crop_and_resize":
        return [None] * count
    numbers = call.numbers(1)
    if len(numbers) != 2 * count:
        raise ModelError(f"its region of interest has {len(numbers)} numbers, for {count} axes")
    return [(numbers[i], numbers[count + i]) for i in range(count)]
