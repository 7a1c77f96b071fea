"""Residual networks: He et al. 2015, "Deep Residual Learning for Image Recognition", table 1.

Each block computes ReLU(F(x) + x). Where F changes the shape, x goes through a 1x1 convolution first (option B of the
paper). Parameters have torchvision's names: `layer1.0.conv1.weight`, `layer2.0.downsample.1.running_var`.
"""

from typing import Literal

from backproof.errors import ModelError
from backproof.graph import Builder, Graph, Shape, Value
from backproof.models.images import require_images
from backproof.models.registry import model
from backproof.ops import AdaptiveAvgPool2d, Add, BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU

Stem = Literal["imagenet", "small"]
StrideOn = Literal["conv2", "conv1"]


@model("resnet18")
def resnet18(input: Shape, classes: int, *, stem: Stem = "imagenet", width: int = 64) -> Graph:
    """Residual network of 18 layers. He et al. 2015."""
    return resnet(input, classes, blocks=(2, 2, 2, 2), bottleneck=False, stem=stem, width=width)


@model("resnet34")
def resnet34(input: Shape, classes: int, *, stem: Stem = "imagenet", width: int = 64) -> Graph:
    """Residual network of 34 layers. He et al. 2015."""
    return resnet(input, classes, blocks=(3, 4, 6, 3), bottleneck=False, stem=stem, width=width)


@model("resnet50")
def resnet50(
    input: Shape, classes: int, *, stem: Stem = "imagenet", stride_on: StrideOn = "conv2", width: int = 64
) -> Graph:
    """Residual network of 50 layers, in bottleneck blocks. He et al. 2015."""
    return resnet(input, classes, blocks=(3, 4, 6, 3), stem=stem, stride_on=stride_on, width=width)


@model("resnet101")
def resnet101(
    input: Shape, classes: int, *, stem: Stem = "imagenet", stride_on: StrideOn = "conv2", width: int = 64
) -> Graph:
    """Residual network of 101 layers, in bottleneck blocks. He et al. 2015."""
    return resnet(input, classes, blocks=(3, 4, 23, 3), stem=stem, stride_on=stride_on, width=width)


@model("resnet152")
def resnet152(
    input: Shape, classes: int, *, stem: Stem = "imagenet", stride_on: StrideOn = "conv2", width: int = 64
) -> Graph:
    """Residual network of 152 layers, in bottleneck blocks. He et al. 2015."""
    return resnet(input, classes, blocks=(3, 8, 36, 3), stem=stem, stride_on=stride_on, width=width)


@model("resnet")
def resnet(
    input: Shape,
    classes: int,
    *,
    blocks: tuple[int, ...] = (1, 1, 1, 1),
    bottleneck: bool = True,
    stem: Stem = "imagenet",
    stride_on: StrideOn = "conv2",
    width: int = 64,
) -> Graph:
    """Residual network of any depth and width.

    `blocks` is the number of blocks in each stage; each stage but the first halves the image and doubles the channels,
    which begin at `width`. Stem `imagenet` is a 7x7 convolution and max-pooling, which make the image four times
    smaller; `small` is one 3x3 convolution that keeps it, as the paper does for 32x32. In a bottleneck the stride is on
    the 3x3 convolution (`conv2`, torchvision's "v1.5") or on the first 1x1 (`conv1`, the paper's).
    """
    require_images(input)
    if not blocks or min(blocks) < 1:
        raise ModelError(f"blocks is {','.join(map(str, blocks)) or 'empty'}; every stage needs 1 block or more")
    net = Builder(input)
    x = _stem(net, stem, width)
    for stage, count in enumerate(blocks):
        for i in range(count):
            name, stride, channels = f"layer{stage + 1}.{i}", 2 if stage > 0 and i == 0 else 1, width * 2**stage
            if bottleneck:
                x = _bottleneck_block(net, name, x, channels, stride, stride_on)
            else:
                x = _basic_block(net, name, x, channels, stride)
    x = net("avgpool", AdaptiveAvgPool2d(1), x)
    x = net("flatten", Flatten(), x)
    return net.graph(net("fc", Linear(classes), x))


def _stem(net: Builder, stem: Stem, width: int) -> Value:
    kernel_size, stride = (7, 2) if stem == "imagenet" else (3, 1)
    x = net("conv1", Conv2d(width, kernel_size, stride=stride, padding=kernel_size // 2, bias=False), net.x)
    x = net("bn1", BatchNorm(), x)
    x = net("relu", ReLU(), x)
    return net("maxpool", MaxPool2d(3, stride=2, padding=1), x) if stem == "imagenet" else x


def _basic_block(net: Builder, name: str, x: Value, channels: int, stride: int) -> Value:
    """Two 3x3 convolutions."""
    h = net(f"{name}.conv1", Conv2d(channels, 3, stride=stride, padding=1, bias=False), x)
    h = net(f"{name}.bn1", BatchNorm(), h)
    h = net(f"{name}.relu1", ReLU(), h)
    h = net(f"{name}.conv2", Conv2d(channels, 3, padding=1, bias=False), h)
    h = net(f"{name}.bn2", BatchNorm(), h)
    h = net(f"{name}.add", Add(), h, _shortcut(net, name, x, channels, stride))
    return net(f"{name}.relu2", ReLU(), h)


def _bottleneck_block(net: Builder, name: str, x: Value, channels: int, stride: int, stride_on: StrideOn) -> Value:
    """1x1 down to `channels`, 3x3, and 1x1 up to four times as many."""
    first, second = (stride, 1) if stride_on == "conv1" else (1, stride)
    h = net(f"{name}.conv1", Conv2d(channels, 1, stride=first, bias=False), x)
    h = net(f"{name}.bn1", BatchNorm(), h)
    h = net(f"{name}.relu1", ReLU(), h)
    h = net(f"{name}.conv2", Conv2d(channels, 3, stride=second, padding=1, bias=False), h)
    h = net(f"{name}.bn2", BatchNorm(), h)
    h = net(f"{name}.relu2", ReLU(), h)
    h = net(f"{name}.conv3", Conv2d(4 * channels, 1, bias=False), h)
    h = net(f"{name}.bn3", BatchNorm(), h)
    h = net(f"{name}.add", Add(), h, _shortcut(net, name, x, 4 * channels, stride))
    return net(f"{name}.relu3", ReLU(), h)


def _shortcut(net: Builder, name: str, x: Value, channels: int, stride: int) -> Value:
    """The input itself, or brought to the shape that the block gives it."""
    if stride == 1 and x.shape[1] == channels:
        return x
    x = net(f"{name}.downsample.0", Conv2d(channels, 1, stride=stride, bias=False), x)
    return net(f"{name}.downsample.1", BatchNorm(), x)
