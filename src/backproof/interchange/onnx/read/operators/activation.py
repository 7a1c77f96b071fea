"""Activations, and softmax along an axis."""

from collections.abc import Callable

from backproof.graph import Op
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge
from backproof.ops import (
    CELU,
    ELU,
    GELU,
    SELU,
    Clamp,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedReLU,
    View,
)

ELEMENTWISE: dict[str, Callable[[Call], Op]] = {
    "Celu": lambda call: CELU(call["alpha"]),
    "Elu": lambda call: ELU(call["alpha"]),
    "Gelu": lambda call: GELU(call["approximate"]),
    "HardSigmoid": lambda call: Hardsigmoid(call["alpha"], call["beta"]),
    "HardSwish": lambda _: Hardswish(),
    "LeakyRelu": lambda call: LeakyReLU(call["alpha"]),
    "Mish": lambda _: Mish(),
    "Relu": lambda _: ReLU(),
    "Selu": lambda call: SELU(call["alpha"], call["gamma"]),
    "Sigmoid": lambda _: Sigmoid(),
    "Softplus": lambda _: Softplus(),
    "Softsign": lambda _: Softsign(),
    "Tanh": lambda _: Tanh(),
    "ThresholdedRelu": lambda call: ThresholdedReLU(call["alpha"]),
}


@imports(*ELEMENTWISE)
def elementwise(call: Call) -> Edge:
    """One input, one operation of the same attributes."""
    return call.add(ELEMENTWISE[call.node.op_type](call), call.edge())


@imports("Clip")
def clip(call: Call) -> Edge:
    """Bounds are attributes up to opset 10, then inputs; between 0 and 6 it is PyTorch's ReLU6."""
    low, high = call.single("min", 1), call.single("max", 2)
    low = None if low is not None and low <= -FLOAT32_MAX else low
    high = None if high is not None and high >= FLOAT32_MAX else high
    if (low, high) == (None, None):
        return call.edge()
    return call.add(ReLU6() if (low, high) == (0, 6) else Clamp(low, high), call.edge())


FLOAT32_MAX = 3.4028234e38
"""The default bounds up to opset 10, which bound nothing."""


@imports("PRelu")
def prelu(call: Call) -> Edge:
    """The slope has axes of its own, broadcast to x."""
    slope = call.weight(1)
    return call.add(PReLU(slope.array.shape), call.edge(), weights={"weight": slope})


@imports("Softmax", "LogSoftmax")
def softmax(call: Call) -> Edge:
    """Up to opset 12 over all axes from `axis` on, as one; then along one axis."""
    op = Softmax if call.node.op_type == "Softmax" else LogSoftmax
    x, axis = call.edge(), call.axis(call["axis"])
    if call.version >= 13 or axis == call.rank() - 1:
        return call.add(op(axis), x)
    flat = call.add(View((*x.shape[:axis], -1)), x, suffix="flat")
    return call.add(View(tuple(x.shape)), call.add(op(axis), flat, suffix="softmax"))
