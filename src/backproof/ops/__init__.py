"""What each operation is: one file a family. How it is computed is the engines' business."""

from backproof.ops.activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from backproof.ops.conv import Conv2d, ConvTranspose2d
from backproof.ops.dropout import Dropout
from backproof.ops.linear import Linear
from backproof.ops.loss import MSE, SoftmaxCrossEntropy
from backproof.ops.merge import Add, Concat
from backproof.ops.norm import BatchNorm
from backproof.ops.pad import Pad
from backproof.ops.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from backproof.ops.resize import Resize
from backproof.ops.shape import Flatten, Reshape

__all__ = [
    "MSE",
    "AdaptiveAvgPool2d",
    "Add",
    "AvgPool2d",
    "BatchNorm",
    "Concat",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Flatten",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "Pad",
    "ReLU",
    "Reshape",
    "Resize",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Tanh",
]
