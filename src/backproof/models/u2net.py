"""U²-Net, a U-Net of U-Nets. Qin et al. 2020, "Going Deeper with Nested U-Structure for Salient Object Detection".

Each stage on the way down and up is a residual U-block (RSU): a convolution, and beside it a small U-Net on its output,
whose result is added. Every stage of the way up, and the lowest on the way down, has scores of its own (side outputs),
made as large as the input; a 1x1 convolution fuses them. Parameters have the names of the authors' PyTorch state dict
(`stage1.rebnconvin.conv_s1.weight`, `side1.bias`, `outconv.weight`), biases in front of BatchNorm included, so that
their files fit as they are. Outputs are logits: the authors' sigmoid stands in the loss, `BCEWithLogits`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from backproof.errors import ModelError
from backproof.graph import Builder, Graph, Shape, Value
from backproof.models.images import require_images
from backproof.models.registry import model
from backproof.ops import Add, BatchNorm, Concat, Conv2d, MaxPool2d, ReLU, Resize

DILATED = 0
"""Height of the block that dilates instead of pooling, RSU-4F, in the deepest stages."""


class Stage(NamedTuple):
    """One RSU: how many levels it has, channels inside, channels out."""

    height: int
    mid: int
    out: int


@model("u2net")
def u2net(input: Shape, classes: int, *, width: int = 64, heights: tuple[int, ...] = (7, 6, 5, 4)) -> Graph:
    """U²-Net, scores for every pixel, and six side outputs, which are trained too. Qin et al. 2020, figure 5.

    `heights` are the levels of the blocks on the way down, before the two dilated ones; `width` the channels that the
    first puts out, a multiple of 4, doubled from stage to stage. 44,009,869 parameters on RGB with one class.
    """
    _require(heights, width=width)
    if width % 4:
        raise ModelError(f"width is {width}; it must be a multiple of 4")
    outs = [width * 2**i for i in range(len(heights))]
    down = [
        Stage(height, out // (4 if i else 2), out) for i, (height, out) in enumerate(zip(heights, outs, strict=True))
    ]
    up = [Stage(height, out // 4, max(out // 2, width)) for height, out in zip(heights, outs, strict=True)]
    dilated = Stage(DILATED, outs[-1] // 2, outs[-1])
    return _nested(input, classes, [*down, dilated, dilated], [*up, dilated])


@model("u2netp")
def u2netp(
    input: Shape, classes: int, *, width: int = 64, mid: int = 16, heights: tuple[int, ...] = (7, 6, 5, 4)
) -> Graph:
    """The small U²-Net, with as many channels in every stage: `mid` inside and `width` out. Qin et al. 2020.

    1,131,181 parameters on RGB with one class.
    """
    _require(heights, width=width, mid=mid)
    stages = [Stage(height, mid, width) for height in (*heights, DILATED)]
    return _nested(input, classes, [*stages, stages[-1]], stages)


def _require(heights: Sequence[int], **channels: int) -> None:
    if not heights or min(heights) < 2:
        raise ModelError(f"heights is {','.join(map(str, heights)) or 'empty'}; every block needs 2 levels or more")
    for name, value in channels.items():
        if value < 1:
            raise ModelError(f"{name} is {value}; it must be 1 or more")


def _nested(input: Shape, classes: int, down: Sequence[Stage], up: Sequence[Stage]) -> Graph:
    """The outer U: `down` stages with pooling between them, and `up` stages, of which the first is the last taken."""
    require_images(input)
    net = Builder(input)
    x, passed = net.x, list[Value]()
    for i, stage in enumerate(down, 1):
        x = _rsu(net, f"stage{i}", x, stage)
        passed.append(x)
        if i < len(down):
            x = net(f"pool{i}{i + 1}", MaxPool2d(2, ceil_mode=True), x)
    tops = [passed.pop()]
    for i, stage in reversed([*enumerate(up, 1)]):
        beside = passed.pop()
        x = net(f"stage{i}d.cat", Concat(), _up_to(net, f"stage{i}d.up", x, beside), beside)
        x = _rsu(net, f"stage{i}d", x, stage)
        tops.insert(0, x)
    sides = [net(f"side{i}", Conv2d(classes, 3, padding=1), top) for i, top in enumerate(tops, 1)]
    sides[1:] = [_up_to(net, f"d{i}", side, sides[0]) for i, side in enumerate(sides[1:], 2)]
    return net.graph(net("outconv", Conv2d(classes, 1), net("cat", Concat(), *sides)), *sides)


def _rsu(net: Builder, name: str, x: Value, stage: Stage) -> Value:
    """A residual U-block, ReSidual U: y = f(x) + U(f(x)) with one convolution f.

    U goes down over levels 1 to L, the last by a dilated convolution, and up again, each level beside its equal. It
    halves the image between levels; where the image is small already, RSU-4F, dilations of 1, 2, 4 and 8 stand for it.
    """
    height = stage.height or 4
    dilations = [1, 2, 4, 8] if stage.height == DILATED else [1] * (height - 1) + [2]
    entered = x = _convolution(net, f"{name}.rebnconvin", x, stage.out)
    levels: list[Value] = []
    for level, dilation in enumerate(dilations, 1):
        x = _convolution(net, f"{name}.rebnconv{level}", x, stage.mid, dilation)
        levels.append(x)
        if stage.height != DILATED and level < height - 1:
            x = net(f"{name}.pool{level}", MaxPool2d(2, ceil_mode=True), x)
    x = levels.pop()
    for level in range(height - 1, 0, -1):
        beside, part = levels.pop(), f"{name}.rebnconv{level}d"
        if stage.height != DILATED and level < height - 1:
            x = _up_to(net, f"{part}.up", x, beside)
        x = net(f"{part}.cat", Concat(), x, beside)
        dilation = dilations[level - 1] if stage.height == DILATED else 1
        x = _convolution(net, part, x, stage.mid if level > 1 else stage.out, dilation)
    return net(f"{name}.add", Add(), x, entered)


def _convolution(net: Builder, name: str, x: Value, channels: int, dilation: int = 1) -> Value:
    """A 3x3 convolution that keeps the size, BatchNorm, ReLU."""
    x = net(f"{name}.conv_s1", Conv2d(channels, 3, padding=dilation, dilation=dilation), x)
    return net(f"{name}.relu_s1", ReLU(), net(f"{name}.bn_s1", BatchNorm(), x))


def _up_to(net: Builder, name: str, x: Value, beside: Value) -> Value:
    """Bilinear, to the size of `beside`: pooling rounds sizes up, so it is not always twice as large."""
    return net(name, Resize((beside.shape.fixed(2), beside.shape.fixed(3)), mode="bilinear"), x)
