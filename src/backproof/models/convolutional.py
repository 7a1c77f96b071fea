"""Small convolutional networks. Layers are numbered from 1, as in the fully connected ones."""

from typing import Literal

from backproof.graph import Builder, Graph, Op, Shape
from backproof.models.activation import require_activation
from backproof.models.images import require_images
from backproof.models.registry import model
from backproof.ops import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU

Pooling = Literal["max", "avg"]

POOLING: dict[Pooling, Op] = {"max": MaxPool2d(2), "avg": AvgPool2d(2)}


@model("cnn")
def cnn(
    input: Shape, classes: int, *, channels: int = 8, kernel_size: int = 3, stride: int = 1, padding: int = 1
) -> Graph:
    """One convolution, ReLU, one linear layer: the least that is a convolutional network."""
    require_images(input, kernel_size - 2 * padding)
    net = Builder(input)
    x = net("conv1", Conv2d(channels, kernel_size, stride=stride, padding=padding), net.x)
    x = net("relu1", ReLU(), x)
    x = net("flatten", Flatten(), x)
    return net.graph(net("fc1", Linear(classes), x))


@model("lenet5")
def lenet5(input: Shape, classes: int, *, activation: str = "relu", pooling: Pooling = "max") -> Graph:
    """LeNet-5: two 5x5 convolutions, each with 2x2 pooling, then 120, 84 and the classes. LeCun et al. 1998.

    In the form that is usual now: on 28x28 images the first convolution pads by 2, which stands for the paper's 32x32;
    every map of the second sees all maps of the first; C5 is fully connected; pooling learns nothing; the output is
    linear. `activation="tanh", pooling="avg"` is nearer to the paper. 61,706 parameters on MNIST.
    """
    require_images(input, least=12)  # 12 -> 6 -> 2 -> 1
    act, pool = require_activation(activation), POOLING[pooling]
    net = Builder(input)
    x = net("conv1", Conv2d(6, 5, padding=2), net.x)
    x = net(f"{activation}1", act, x)
    x = net("pool1", pool, x)
    x = net("conv2", Conv2d(16, 5), x)
    x = net(f"{activation}2", act, x)
    x = net("pool2", pool, x)
    x = net("flatten", Flatten(), x)
    x = net("fc1", Linear(120), x)
    x = net(f"{activation}3", act, x)
    x = net("fc2", Linear(84), x)
    x = net(f"{activation}4", act, x)
    return net.graph(net("fc3", Linear(classes), x))
