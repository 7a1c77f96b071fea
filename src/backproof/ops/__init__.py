"""What each operation is: one file a family. How it is computed is the engines' business.

Every module of this folder is imported, so that what it declares is known.
"""

from importlib import import_module
from pkgutil import iter_modules

from backproof.ops.activation import (
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
from backproof.ops.arithmetic import Add, Div, Maximum, Minimum, Mul, Pow, Sub
from backproof.ops.conv import Conv2d, ConvTranspose2d
from backproof.ops.dropout import Dropout, Dropout2d
from backproof.ops.elementwise import (
    Abs,
    Ceil,
    Cos,
    Erf,
    Exp,
    Floor,
    Log,
    Neg,
    Reciprocal,
    Round,
    Sign,
    Sin,
    Sqrt,
)
from backproof.ops.label_loss import Hinge, NLLLoss, SoftmaxCrossEntropy
from backproof.ops.linear import Linear
from backproof.ops.logic import ArgMax, Cast, Compare, IsNaN, LogicalAnd, LogicalNot, LogicalOr, Where
from backproof.ops.loss import L1, MSE, BCEWithLogits, SmoothL1, SoftDice
from backproof.ops.matmul import MatMul
from backproof.ops.merge import Concat, WeightedSum
from backproof.ops.norm import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm
from backproof.ops.pad import Pad
from backproof.ops.parameter import Parameter
from backproof.ops.pool import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from backproof.ops.prelu import PReLU
from backproof.ops.quantize import DequantizeLinear, QuantizeLinear
from backproof.ops.rearrange import Expand, IndexSelect, Permute, Slice, Take, View
from backproof.ops.reduce import Amax, Amin, LogSumExp, Mean, Prod, Sum
from backproof.ops.resize import Resize
from backproof.ops.shape import Flatten, Reshape

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "L1",
    "MSE",
    "SELU",
    "Abs",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "Add",
    "Amax",
    "Amin",
    "ArgMax",
    "AvgPool2d",
    "BCEWithLogits",
    "BatchNorm",
    "Cast",
    "Ceil",
    "Clamp",
    "Compare",
    "Concat",
    "Conv2d",
    "ConvTranspose2d",
    "Cos",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "Dropout2d",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Hinge",
    "IndexSelect",
    "IsNaN",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "Log",
    "LogSoftmax",
    "LogSumExp",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "MatMul",
    "MaxPool2d",
    "Maximum",
    "Mean",
    "Minimum",
    "Mish",
    "Mul",
    "NLLLoss",
    "Neg",
    "PReLU",
    "Pad",
    "Parameter",
    "Permute",
    "Pow",
    "Prod",
    "QuantizeLinear",
    "ReLU",
    "ReLU6",
    "Reciprocal",
    "Reshape",
    "Resize",
    "Round",
    "SiLU",
    "Sigmoid",
    "Sign",
    "Sin",
    "Slice",
    "SmoothL1",
    "SoftDice",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Sub",
    "Sum",
    "Take",
    "Tanh",
    "ThresholdedReLU",
    "View",
    "WeightedSum",
    "Where",
]
