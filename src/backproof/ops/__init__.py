"""What each operation is: one file a family. How it is computed is the engines' business."""

from backproof.ops.activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from backproof.ops.dropout import Dropout
from backproof.ops.linear import Linear
from backproof.ops.loss import MSE, SoftmaxCrossEntropy
from backproof.ops.merge import Add, Concat
from backproof.ops.norm import BatchNorm
from backproof.ops.shape import Flatten, Reshape

__all__ = [
    "MSE",
    "Add",
    "BatchNorm",
    "Concat",
    "Dropout",
    "Flatten",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Tanh",
]
