"""Networks of fully connected layers.

Their layers are numbered from 1, so that parameters read `fc1.weight`, `bn1.running_mean`, `fc2.bias`.
"""

from collections.abc import Sequence

from backproof.errors import ModelError
from backproof.graph import Builder, Graph, Shape
from backproof.models.activation import require_activation
from backproof.models.registry import model
from backproof.ops import BatchNorm, Dropout, Flatten, Linear


@model("one_layer")
def one_layer(input: Shape, classes: int) -> Graph:
    """Softmax regression: one linear layer from the inputs to the classes."""
    return mlp(input, classes, layers=())


@model("mlp")
def mlp(
    input: Shape,
    classes: int,
    *,
    layers: Sequence[int] = (100,),
    activation: str = "relu",
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> Graph:
    """A multilayer perceptron.

    Each hidden layer is Linear, BatchNorm if wanted, activation, Dropout if wanted. A layer that BatchNorm
    follows has no bias, because BatchNorm would take it away again.
    """
    act = require_activation(activation)
    if any(width < 1 for width in layers):
        raise ModelError(f"layers is {','.join(map(str, layers))}; every hidden layer needs 1 unit or more")
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout is {dropout}; it must be 0 or more and below 1")

    net = Builder(input)
    x = net.x if len(input) == 2 else net("flatten", Flatten(), net.x)
    for i, width in enumerate(layers, 1):
        x = net(f"fc{i}", Linear(width, bias=not batch_norm), x)
        if batch_norm:
            x = net(f"bn{i}", BatchNorm(), x)
        x = net(f"{activation}{i}", act, x)
        if dropout:
            x = net(f"dropout{i}", Dropout(dropout), x)
    return net.graph(net(f"fc{len(layers) + 1}", Linear(classes), x))


@model("neurose")
def neurose(input: Shape, classes: int) -> Graph:
    """Three hidden layers of 256, 120 and 64 units with ReLU; 784-256-120-64-10 on MNIST."""
    return mlp(input, classes, layers=(256, 120, 64))
