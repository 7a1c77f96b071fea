"""Convolutions."""

from backproof.errors import ModelError
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.operators.window import one_row, window_of, without_row
from backproof.interchange.onnx.read.values import Edge, Weight
from backproof.ops import Conv2d


def _weights(call: Call, signal: bool) -> dict[str, Weight]:
    """Weight and perhaps bias; those of a signal get the axis of the one row."""
    weight = call.weight(1)
    array = weight.array[:, :, None] if signal else weight.array
    found = {"weight": Weight(array, weight.name)}
    return found | {"bias": call.weight(2)} if call.has(2) else found


@imports("Conv")
def conv(call: Call) -> Edge:
    """On images; on signals, which are images of one row."""
    signal = call.rank() == 3
    if call.rank() not in (3, 4) or call.rank(1) != call.rank():
        raise ModelError(f"it convolves {call.shape()} with {call.shape(1)}; backproof convolves images and signals")
    weights = _weights(call, signal)
    array = weights["weight"].array
    kernel = call["kernel_shape"] or list(array.shape[3 if signal else 2 :])
    window = window_of(call, kernel).image
    op = Conv2d(
        array.shape[0],
        window.kernel,
        stride=window.stride,
        padding=window.sides,
        dilation=window.dilation,
        groups=call["group"],
        bias=call.has(2),
    )
    x = call.edge()
    if not signal:
        return call.add(op, x, weights=weights)
    return without_row(call, call.add(op, one_row(call, x), suffix="conv", weights=weights))
