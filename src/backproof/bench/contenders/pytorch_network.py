"""One of our graphs as the `nn.Module` that one would write by hand for it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from backproof import ops
from backproof.errors import OptionError
from backproof.graph import Arrays, Graph, Node, Op, Shape

Layer = Callable[..., Tensor]

SAVES_NO_OUTPUT = (ops.Conv2d, ops.ConvTranspose2d, ops.Linear, ops.BatchNorm, ops.Add)
"""Operations whose output autograd does not keep, so that an activation may be written over it, as torchvision does."""


class Network(nn.Module):
    """Runs the nodes in order. A value is dropped after its last reader, as a local variable would be."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        nodes = [node for node in graph.nodes if node.name not in graph.loss_nodes]
        readers = [name for node in nodes for name in node.inputs]
        self._graph = graph
        self._layers: list[tuple[Node, Layer, tuple[str, ...]]] = []
        last = {name: i for i, node in enumerate(nodes) for name in node.inputs}
        for i, node in enumerate(nodes):
            source = graph.node.get(node.inputs[0])
            over = source is not None and isinstance(source.op, SAVES_NO_OUTPUT) and readers.count(source.name) == 1
            made = layer(node.op, [graph.shapes[name] for name in node.inputs], in_place=over)
            if isinstance(made, nn.Module):
                self.add_module(node.name.replace(".", "_"), made)
            done = tuple({name for name in node.inputs if last[name] == i and name != graph.output})
            self._layers.append((node, made, done))

    def forward(self, x: Tensor) -> Tensor:
        """The prediction."""
        values = {self._graph.inputs[0].name: x}
        for node, run, done in self._layers:
            values[node.name] = run(*[values[name] for name in node.inputs])
            for name in done:
                del values[name]
        return values[self._graph.output]

    def _tensors(self) -> dict[str, Tensor]:
        """Parameters and running statistics by our names."""
        return {node.path(local): getattr(run, local) for node, run, _ in self._layers for local in node.parameters}

    def parameters_by_path(self) -> dict[str, nn.Parameter]:
        """What the optimizer trains, by our names."""
        return {name: value for name, value in self._tensors().items() if isinstance(value, nn.Parameter)}

    def load(self, arrays: Arrays) -> None:
        """Set the weights."""
        with torch.no_grad():
            for name, value in self._tensors().items():
                value.copy_(torch.from_numpy(np.asarray(arrays[name])))


def layer(op: Op, inputs: list[Shape], *, in_place: bool = False) -> Layer:
    """The module or function for an operation on inputs of these shapes. Raises `UserError` where there is none."""
    if type(op) not in LAYERS:
        raise OptionError("{contenders:pytorch}: no module is known for the operation {}", type(op).__name__)
    if _beyond_modules(op):
        raise OptionError("{contenders:pytorch}: no module is known for {}", op)
    return LAYERS[type(op)](op, inputs[0] if inputs else Shape(), in_place)


def _beyond_modules(op: Op) -> bool:
    """Whether it pads, pools or resizes in a way that PyTorch's modules do not have."""
    if isinstance(op, ops.Resize):
        usual = ops.Resize(op.size, op.scale_factor, op.mode, op.align_corners)
        # To sizes above 1 these two are what PyTorch does.
        theirs = op.mode == "bilinear" and op.coordinate_transformation_mode in ("half_pixel", "pytorch_half_pixel")
        sized = isinstance(op.size, tuple) and min(op.size) > 1 and op.scale_factor is None
        given = replace(op, coordinate_transformation_mode=None) if theirs and sized else op
        return op.mode not in ("nearest", "bilinear") or given != usual
    if isinstance(op, ops.Pad):
        return op.mode != "constant" and (op.mode == "wrap" or len(op.sides) != 4 or min(op.sides) < 0)
    uneven = isinstance(op, ops.MaxPool2d | ops.AvgPool2d | ops.ConvTranspose2d) and len(op.padding) != 2
    return uneven or (isinstance(op, ops.AvgPool2d) and op.dilation != (1, 1))


def _channels(x: Shape) -> int:
    return int(x[1])


def _conv2d(op: ops.Conv2d, x: Shape, in_place: bool) -> nn.Conv2d:  # noqa: ARG001
    top, bottom, left, right = op.padding
    even = (top, left) == (bottom, right)
    kind = nn.Conv2d if even else _padding_before(op.padding)
    around = (top, left) if even else 0
    return kind(_channels(x), op.out_channels, op.kernel_size, op.stride, around, op.dilation, op.groups, op.bias)


def _padding_before(padding: tuple[int, int, int, int]) -> type[nn.Conv2d]:
    """PyTorch's convolution pads both sides alike; for others the zeros go around the image first."""
    top, bottom, left, right = padding

    class PaddedConv2d(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(functional.pad(x, (left, right, top, bottom)))

    return PaddedConv2d


LAYERS: dict[type[Op], Callable[[Any, Shape, bool], Layer]] = {
    ops.Linear: lambda op, x, _: nn.Linear(int(x[-1]), op.out_features, bias=op.bias),
    ops.Conv2d: _conv2d,
    ops.ConvTranspose2d: lambda op, x, _: nn.ConvTranspose2d(
        _channels(x),
        op.out_channels,
        op.kernel_size,
        op.stride,
        op.padding,
        op.output_padding,
        op.groups,
        op.bias,
        op.dilation,
    ),
    ops.BatchNorm: lambda op, x, _: (nn.BatchNorm2d if len(x) == 4 else nn.BatchNorm1d)(
        _channels(x), eps=op.eps, momentum=op.momentum
    ),
    ops.LayerNorm: lambda op, x, _: nn.LayerNorm(op.dimensions, op.eps, op.elementwise_affine, op.bias),
    ops.GroupNorm: lambda op, x, _: nn.GroupNorm(op.num_groups, _channels(x), op.eps, op.affine),
    ops.MaxPool2d: lambda op, x, _: nn.MaxPool2d(
        op.kernel_size, op.stride, op.padding, op.dilation, ceil_mode=op.ceil_mode
    ),
    ops.AvgPool2d: lambda op, x, _: nn.AvgPool2d(
        op.kernel_size, op.stride, op.padding, op.ceil_mode, op.count_include_pad, op.divisor_override
    ),
    ops.AdaptiveAvgPool2d: lambda op, x, _: nn.AdaptiveAvgPool2d(op.output_size),
    ops.Dropout: lambda op, x, _: nn.Dropout(op.p),
    ops.Dropout2d: lambda op, x, _: nn.Dropout2d(op.p),
    ops.Flatten: lambda op, x, _: nn.Flatten(),
    ops.Reshape: lambda op, x, _: lambda x: x.reshape(len(x), *op.shape),
    ops.Pad: lambda op, x, _: (
        lambda x: functional.pad(x, op.sides, op.mode, op.value if op.mode == "constant" else None)
    ),
    ops.Resize: lambda op, x, _: nn.Upsample(
        op.size, op.scale_factor, op.mode, op.align_corners if op.mode == "bilinear" else None
    ),
    ops.Add: lambda op, x, _: torch.add,
    ops.Mul: lambda op, x, _: torch.mul,
    ops.Concat: lambda op, x, _: lambda *xs: torch.cat(xs, op.axis),
    ops.WeightedSum: lambda op, x, _: lambda *xs: sum(w * x for w, x in zip(op.weights, xs, strict=True)),
    ops.ReLU: lambda op, x, in_place: nn.ReLU(inplace=in_place),
    # In place, PyTorch takes the sign of y for that of x, which a negative slope would turn around.
    ops.LeakyReLU: lambda op, x, in_place: nn.LeakyReLU(op.negative_slope, in_place and op.negative_slope >= 0),
    ops.Sigmoid: lambda op, x, _: nn.Sigmoid(),
    ops.Tanh: lambda op, x, _: nn.Tanh(),
    ops.GELU: lambda op, x, _: nn.GELU(op.approximate),
    ops.SiLU: lambda op, x, _: nn.SiLU(),
    ops.Softplus: lambda op, x, _: nn.Softplus(op.beta, op.threshold),
    ops.ELU: lambda op, x, _: nn.ELU(op.alpha),
    # PyTorch's module refuses equal bounds, which its function takes.
    ops.Hardtanh: lambda op, x, in_place: partial(
        functional.hardtanh, min_val=op.min_val, max_val=op.max_val, inplace=in_place
    ),
    ops.ReLU6: lambda op, x, in_place: nn.ReLU6(inplace=in_place),
    ops.Softmax: lambda op, x, _: nn.Softmax(dim=op.axis),
    ops.LogSoftmax: lambda op, x, _: nn.LogSoftmax(dim=op.axis),
}
"""(operation, shape of its first input, whether the output may be written over the input) -> module or function."""
