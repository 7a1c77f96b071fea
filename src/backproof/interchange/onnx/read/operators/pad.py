"""Numbers added at the ends of axes, or taken away."""

from backproof.errors import ModelError
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import Pad

MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "wrap"}


@imports("Pad")
def pad(call: Call) -> Edge:
    """Pads are an attribute up to opset 10, then an input, all beginnings before all ends."""
    pads = call.listed("pads", 1) or []
    axes = [call.axis(a) for a in (call.numbers(3) if call.has(3) else range(call.rank()))]
    if len(pads) != 2 * len(axes) or call["mode"] not in MODES:
        raise ModelError(f"it has {len(pads)} pads for {len(axes)} axes, and the mode {call['mode']}")
    ends = {axis: (pads[i], pads[len(axes) + i]) for i, axis in enumerate(axes)}
    used = [axis for axis, both in ends.items() if both != (0, 0)]
    if not used:
        return call.edge()
    padding = tuple(n for axis in range(call.rank() - 1, min(used) - 1, -1) for n in ends.get(axis, (0, 0)))
    mode = MODES[call["mode"]]
    value = float(call.single("value", 2, 0.0)) if mode == "constant" else 0.0
    return call.add(Pad(padding, mode=mode, value=value), call.edge())  # type: ignore[arg-type]
