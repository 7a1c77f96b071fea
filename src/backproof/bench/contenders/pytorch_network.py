"""One of our graphs as the `nn.Module` that one would write by hand for it."""

from collections.abc import Callable

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
    channels = int(inputs[0][1]) if len(inputs[0]) > 1 else 0
    images = len(inputs[0]) == 4
    match op:
        case ops.Linear():
            return nn.Linear(int(inputs[0][-1]), op.out_features, bias=op.bias)
        case ops.Conv2d():
            return _conv2d(op, channels)
        case ops.ConvTranspose2d():
            return nn.ConvTranspose2d(
                channels,
                op.out_channels,
                op.kernel_size,
                op.stride,
                op.padding,
                op.output_padding,
                op.groups,
                op.bias,
                op.dilation,
            )
        case ops.BatchNorm():
            kind = nn.BatchNorm2d if images else nn.BatchNorm1d
            return kind(channels, eps=op.eps, momentum=op.momentum)
        case ops.LayerNorm():
            return nn.LayerNorm(op.dimensions, op.eps, op.elementwise_affine, op.bias)
        case ops.GroupNorm():
            return nn.GroupNorm(op.num_groups, channels, op.eps, op.affine)
        case ops.MaxPool2d():
            return nn.MaxPool2d(op.kernel_size, op.stride, op.padding, op.dilation, ceil_mode=op.ceil_mode)
        case ops.AvgPool2d():
            return nn.AvgPool2d(
                op.kernel_size, op.stride, op.padding, op.ceil_mode, op.count_include_pad, op.divisor_override
            )
        case ops.AdaptiveAvgPool2d():
            return nn.AdaptiveAvgPool2d(op.output_size)
        case ops.Dropout():
            return nn.Dropout(op.p)
        case ops.Dropout2d():
            return nn.Dropout2d(op.p)
        case ops.Flatten():
            return nn.Flatten()
        case ops.Reshape():
            return nn.Unflatten(1, op.shape) if len(inputs[0]) == 2 else lambda x: x.reshape(len(x), *op.shape)
        case ops.Pad():
            value = op.value if op.mode == "constant" else None
            return lambda x: functional.pad(x, op.sides, op.mode, value)
        case ops.Resize():
            align = op.align_corners if op.mode == "bilinear" else None
            return nn.Upsample(op.size, op.scale_factor, op.mode, align)
        case ops.Add():
            return torch.add
        case ops.Mul():
            return torch.mul
        case ops.Concat():
            return lambda *xs: torch.cat(xs, 1)
        case ops.Hardtanh() if op.min_val == op.max_val:  # PyTorch's module refuses what its function takes
            return lambda x: functional.hardtanh(x, op.min_val, op.max_val)
    return _activation(op, in_place=in_place)


def _conv2d(op: ops.Conv2d, channels: int) -> nn.Conv2d:
    top, bottom, left, right = op.padding
    even = (top, left) == (bottom, right)
    kind = nn.Conv2d if even else _padding_before(op.padding)
    return kind(
        channels,
        op.out_channels,
        op.kernel_size,
        op.stride,
        (top, left) if even else 0,
        op.dilation,
        op.groups,
        op.bias,
    )


def _padding_before(padding: tuple[int, int, int, int]) -> type[nn.Conv2d]:
    """PyTorch's convolution pads both sides alike; for others the zeros go around the image first."""
    top, bottom, left, right = padding

    class PaddedConv2d(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(functional.pad(x, (left, right, top, bottom)))

    return PaddedConv2d


def _activation(op: Op, *, in_place: bool) -> nn.Module:
    match op:
        case ops.ReLU():
            return nn.ReLU(inplace=in_place)
        case ops.LeakyReLU():
            # In place, PyTorch takes the sign of y for that of x, which a negative slope would turn around.
            return nn.LeakyReLU(op.negative_slope, inplace=in_place and op.negative_slope >= 0)
        case ops.Sigmoid():
            return nn.Sigmoid()
        case ops.Tanh():
            return nn.Tanh()
        case ops.GELU():
            return nn.GELU(op.approximate)
        case ops.SiLU():
            return nn.SiLU(inplace=False)
        case ops.Softplus():
            return nn.Softplus(op.beta, op.threshold)
        case ops.ELU():
            return nn.ELU(op.alpha)
        case ops.Hardtanh():
            return nn.Hardtanh(op.min_val, op.max_val, inplace=in_place)
        case ops.ReLU6():
            return nn.ReLU6(inplace=in_place)
        case ops.Softmax():
            return nn.Softmax(dim=op.axis)
        case ops.LogSoftmax():
            return nn.LogSoftmax(dim=op.axis)
    raise OptionError("{contenders:pytorch}: no module is known for the operation {}", type(op).__name__)
