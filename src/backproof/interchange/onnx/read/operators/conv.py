"""Convolutions: of images, and of signals and volumes, which are looked at as images."""

from backproof.errors import ModelError
from backproof.interchange.onnx.read import limits
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.operators.rearrange import joined
from backproof.interchange.onnx.read.operators.window import Window, one_row, window_of, without_row
from backproof.interchange.onnx.read.values import Edge, Weight
from backproof.ops import Conv2d, ConvTranspose2d, IndexSelect, Pad, Permute, View


def _weights(call: Call, shape: tuple[int, ...]) -> dict[str, Weight]:
    """Weight, seen as that of images, and perhaps bias."""
    weight = call.weight(1)
    found = {"weight": Weight(weight.array.reshape(shape), weight.name)}
    return found | {"bias": call.weight(2)} if call.has(2) else found


def _require_rank(call: Call) -> tuple[int, ...]:
    """The shape of the weight."""
    if call.rank() not in (3, 4, 5) or call.rank(1) != call.rank():
        raise ModelError(
            f"it convolves {call.shape()} with {call.shape(1)}; backproof convolves signals, images and volumes"
        )
    return tuple(call.weight(1).array.shape)


def _conv(call: Call, window: Window, channels: int) -> Conv2d:
    image = window.image
    return Conv2d(
        channels,
        image.kernel,
        stride=image.stride,
        padding=image.sides,
        dilation=image.dilation,
        groups=call["group"],
        bias=call.has(2),
    )


@imports("Conv")
def conv(call: Call) -> Edge:
    """The kernel's size is that of the weight, where it is not said."""
    out, parts, *kernel = _require_rank(call)
    window = window_of(call, call["kernel_shape"] or kernel)
    x = call.edge()
    if call.rank() == 4:
        return call.add(_conv(call, window, out), x, weights=_weights(call, (out, parts, *kernel)))
    if call.rank() == 5:
        return _volume(call, x, window, (out, parts, *kernel))
    weights = _weights(call, (out, parts, 1, *kernel))
    return without_row(call, call.add(_conv(call, window, out), one_row(call, x), suffix="conv", weights=weights))


def _volume(call: Call, x: Edge, window: Window, weight: tuple[int, ...]) -> Edge:
    """Each slice of the output from an image whose channels are those of the slices that it sees."""
    out, parts, kernel_depth, *kernel = weight
    if window.before[0] or window.after[0]:
        x = call.add(Pad((0, 0, 0, 0, window.before[0], window.after[0])), x, suffix="pad")
    n, channels, depth, height, width = x.shape
    step, apart = window.strides[0], window.dilations[0]
    count = (int(depth) - apart * (kernel_depth - 1) - 1) // step + 1
    if not 1 <= count * kernel_depth <= limits.WINDOW:
        raise ModelError(
            f"its kernel is deeper than {call.shape()}, or goes to more than {limits.WINDOW:,} places of it"
        )
    seen = IndexSelect(2, tuple(i * step + k * apart for i in range(count) for k in range(kernel_depth)))
    slices = call.add(seen, x, suffix="slices")
    cut = call.add(View((n, channels, count, kernel_depth, height, width)), slices, suffix="cut")
    by_slice = call.add(Permute((0, 2, 1, 3, 4, 5)), cut, suffix="turn")
    deep = (joined((n, count)), joined((channels, kernel_depth)), height, width)
    images = call.add(View(deep), by_slice, suffix="images")
    parts_of = {name: getattr(window, name)[1:] for name in ("kernel", "strides", "dilations", "before", "after")}
    op = _conv(call, Window(**parts_of), out)
    weights = _weights(call, (out, parts * kernel_depth, *kernel))
    y = call.add(op, images, suffix="conv", weights=weights)
    apart_again = call.add(View((n, count, out, *y.shape[2:])), y, suffix="apart")
    return call.add(Permute((0, 2, 1, 3, 4)), apart_again)


@imports("ConvTranspose")
def conv_transpose(call: Call) -> Edge:
    """What `Conv` does backwards. Rows are cut off at both ends, or more added at the last."""
    channels, parts, *kernel = _require_rank(call)
    if call.rank() == 5:
        raise ModelError("backproof has transposed convolutions of signals and images, not of volumes")
    window = window_of(call, call["kernel_shape"] or kernel)
    extra = list(call["output_padding"] or [0] * len(kernel))
    before, after = list(window.before), list(window.after)
    sizes = [call.shape().fixed(2 + axis) for axis in range(len(kernel))]
    target = call["output_shape"]
    if not target and str(call["auto_pad"]).startswith("SAME"):
        target = [size * stride for size, stride in zip(sizes, window.strides, strict=True)]
    for axis, wanted in enumerate(target or ()):
        full = window.strides[axis] * (sizes[axis] - 1) + (window.kernel[axis] - 1) * window.dilations[axis] + 1
        total = full + extra[axis] - wanted
        less, more = max(total, 0) // 2, max(total, 0) - max(total, 0) // 2
        before[axis], after[axis] = (less, more) if call["auto_pad"] == "SAME_UPPER" else (more, less)
        extra[axis] += max(-total, 0)
    image = Window(window.kernel, window.strides, window.dilations, tuple(before), tuple(after)).image
    top, bottom, left, right = image.sides
    op = ConvTranspose2d(
        parts * call["group"],
        image.kernel,
        stride=image.stride,
        padding=(top, left) if (top, left) == (bottom, right) else image.sides,
        output_padding=Window.pair(tuple(extra), 0),
        groups=call["group"],
        bias=call.has(2),
        dilation=image.dilation,
    )
    x = call.edge()
    if call.rank() == 4:
        return call.add(op, x, weights=_weights(call, (channels, parts, *kernel)))
    weights = _weights(call, (channels, parts, 1, *kernel))
    return without_row(call, call.add(op, one_row(call, x), suffix="conv", weights=weights))
