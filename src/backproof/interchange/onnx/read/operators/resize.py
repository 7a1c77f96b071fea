"""Images made larger or smaller."""

from backproof.errors import ModelError
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import Resize


@imports("Resize", "Upsample")
def resize(call: Call) -> Edge:
    """By factors or to sizes of all axes, of which the first two stay."""
    x = call.edge()
    if call.rank() != 4:
        raise ModelError(f"it resizes {x.shape}; backproof resizes images")
    sizes, scales = _target(call, x)
    mode = call["mode"]
    coordinates = call["coordinate_transformation_mode"] or "asymmetric"
    align = coordinates == "align_corners"
    if mode == "nearest" and coordinates == "asymmetric" and (call["nearest_mode"] or "floor") == "floor":
        name = "nearest"
    elif mode in ("linear", "bilinear") and (align or coordinates in ("half_pixel", "pytorch_half_pixel")):
        name = "bilinear"
    else:
        raise ModelError(f"its mode {mode} with coordinates {coordinates} is not imported")
    align = align and name == "bilinear"
    if sizes is not None:
        return call.add(Resize(tuple(sizes), mode=name, align_corners=align), x)  # type: ignore[arg-type]
    return call.add(Resize(scale_factor=tuple(scales), mode=name, align_corners=align), x)  # type: ignore[arg-type]


def _target(call: Call, x: Edge) -> tuple[list[int] | None, list[float]]:
    """(H', W') or (None, factors)."""
    if call.version < 10:
        place, sizes = 1, None
    else:
        place = 1 if call.version < 11 else 2
        sizes = call.dims(3) if call.has(3) else None
    if sizes is not None and len(sizes) == 4:
        if tuple(sizes[:2]) != tuple(x.shape[:2]):
            raise ModelError(f"it resizes more than height and width: {x.shape} to {sizes}")
        return [int(n) for n in sizes[2:]], []
    scales = call["scales"] if call.version < 9 else call.numbers(place)
    if len(scales) != 4 or scales[:2] != [1.0, 1.0]:
        raise ModelError(f"it resizes more than height and width, or not both: by {scales}")
    whole = [size * scale for size, scale in zip(x.shape[2:], scales[2:], strict=True)]
    return ([int(n) for n in whole], []) if all(n == int(n) for n in whole) else (None, scales[2:])
