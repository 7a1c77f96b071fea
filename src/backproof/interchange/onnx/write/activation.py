"""Activations."""

from math import inf

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import (
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from backproof.ops.activation import AlongAxis, Clip


@writes(ReLU, Sigmoid, Tanh)
def of_one_name(w: Writer, op: ReLU | Sigmoid | Tanh, x: str) -> str:
    return w(type(op).__name__.replace("ReLU", "Relu"), x)


@writes(LeakyReLU)
def leaky_relu(w: Writer, op: LeakyReLU, x: str) -> str:
    return w("LeakyRelu", x, alpha=float(op.negative_slope))


@writes(ELU)
def elu(w: Writer, op: ELU, x: str) -> str:
    return w("Elu", x, alpha=float(op.alpha))


@writes(SiLU)
def silu(w: Writer, op: SiLU, x: str) -> str:
    return w("Mul", x, w("Sigmoid", x))


@writes(Hardtanh, ReLU6)
def clip(w: Writer, op: Clip, x: str) -> str:
    low, high = op.bounds
    return w("Clip", x, w.constant(low), w.constant(high))


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
