"""Activations."""

from math import inf

from backproof.graph import Op
from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import (
    CELU,
    ELU,
    GELU,
    SELU,
    Clamp,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedReLU,
)
from backproof.ops.activation import AlongAxis, Clip

SAME: dict[type[Op], str] = {
    ReLU: "Relu",
    Sigmoid: "Sigmoid",
    Tanh: "Tanh",
    Mish: "Mish",
    Softsign: "Softsign",
    Hardswish: "HardSwish",
}
"""What ONNX calls activations without attributes."""


@writes(*SAME)
def without_attributes(w: Writer, op: Op, x: str) -> str:
    return w(SAME[type(op)], x)


@writes(LeakyReLU)
def leaky_relu(w: Writer, op: LeakyReLU, x: str) -> str:
    return w("LeakyRelu", x, alpha=float(op.negative_slope))


@writes(ELU, CELU, ThresholdedReLU)
def with_alpha(w: Writer, op: ELU | CELU | ThresholdedReLU, x: str) -> str:
    name = {ELU: "Elu", CELU: "Celu", ThresholdedReLU: "ThresholdedRelu"}[type(op)]
    return w(name, x, alpha=float(op.alpha))


@writes(SELU)
def selu(w: Writer, op: SELU, x: str) -> str:
    return w("Selu", x, alpha=float(op.alpha), gamma=float(op.scale))


@writes(Hardsigmoid)
def hardsigmoid(w: Writer, op: Hardsigmoid, x: str) -> str:
    return w("HardSigmoid", x, alpha=float(op.alpha), beta=float(op.beta))


@writes(SiLU)
def silu(w: Writer, op: SiLU, x: str) -> str:
    return w("Mul", x, w("Sigmoid", x))


@writes(Hardtanh, ReLU6)
def clip(w: Writer, op: Clip, x: str) -> str:
    low, high = op.bounds
    return w("Clip", x, w.constant(low), w.constant(high))


@writes(Clamp)
def clamp(w: Writer, op: Clamp, x: str) -> str:
    """Nothing for a bound that there is not."""
    low, high = ("" if bound is None else w.constant(bound) for bound in (op.min, op.max))
    return w("Clip", x, low, high)


@writes(GELU)
def gelu(w: Writer, op: GELU, x: str) -> str:
    """Before opset 20 by its formula."""
    if w.opset >= 20:
        return w("Gelu", x, approximate=op.approximate)
    if op.approximate == "tanh":
        cubic = w("Mul", w.constant(0.044715), w("Mul", x, w("Mul", x, x)))
        bent = w("Tanh", w("Mul", w.constant((2 / 3.141592653589793) ** 0.5), w("Add", x, cubic)))
    else:
        bent = w("Erf", w("Mul", x, w.constant(0.5**0.5)))
    return w("Mul", w("Mul", x, w.constant(0.5)), w("Add", bent, w.constant(1)))


@writes(Softplus)
def softplus(w: Writer, op: Softplus, x: str) -> str:
    """log(1 + eᵘ) / β with u = β x; x itself where u is above the threshold, if there is one."""
    u = x if op.beta == 1 else w("Mul", x, w.constant(op.beta))
    y = w("Softplus", u)
    y = y if op.beta == 1 else w("Div", y, w.constant(op.beta))
    return y if op.threshold == inf else w("Where", w("Greater", u, w.constant(op.threshold)), x, y)


@writes(Softmax, LogSoftmax)
def along_axis(w: Writer, op: AlongAxis, x: str) -> str:
    return w(type(op).__name__, x, axis=op.axis)
