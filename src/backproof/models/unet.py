"""U-Net: Ronneberger, Fischer & Brox 2015. Down to a small image of many channels, and up again past what was seen."""

from typing import Literal

from backproof.errors import ModelError
from backproof.graph import Builder, Graph, Shape, Value
from backproof.models.activation import require_activation
from backproof.models.images import require_images
from backproof.models.registry import model
from backproof.ops import BatchNorm, Concat, Conv2d, ConvTranspose2d, MaxPool2d, Resize

Up = Literal["transpose", "resize"]


@model("unet")
def unet(
    input: Shape,
    classes: int,
    *,
    depth: int = 3,
    width: int = 16,
    up: Up = "transpose",
    activation: str = "relu",
    batch_norm: bool = True,
    deep_supervision: bool = False,
) -> Graph:
    """U-Net, scores for every pixel: (N, classes, H, W). Ronneberger et al. 2015.

    `depth` times the image is halved and the channels, `width` at first, are doubled. Then as often the image is
    doubled, by a 2x2 transposed convolution or by bilinear resizing and a 3x3 convolution, and the image of equal size
    from the way down is put beside it. Convolutions pad, unlike the paper's: the output is as large as the input.
    With deep supervision every level on the way up has scores too, as large as the input, which are auxiliary outputs
    (Lee et al. 2015).
    """
    if depth < 1 or width < 1:
        raise ModelError(f"depth is {depth} and width is {width}; both must be 1 or more")
    require_images(input, least=2**depth)
    net, act = Builder(input), require_activation(activation)

    def convolve_twice(name: str, x: Value, channels: int) -> Value:
        for i in (1, 2):
            x = net(f"{name}.conv{i}", Conv2d(channels, 3, padding=1, bias=not batch_norm), x)
            x = net(f"{name}.bn{i}", BatchNorm(), x) if batch_norm else x
            x = net(f"{name}.{activation}{i}", act, x)
        return x

    x, passed = net.x, []
    for level in range(depth):
        passed.append(convolve_twice(f"down{level + 1}", x, width * 2**level))
        x = net(f"down{level + 1}.pool", MaxPool2d(2), passed[-1])
    x = convolve_twice("bottom", x, width * 2**depth)
    size = (int(input[2]), int(input[3]))
    auxiliary: list[Value] = []
    for level in reversed(range(depth)):
        name, beside = f"up{level + 1}", passed[level]
        x = _double(net, name, x, up, beside)
        x = net(f"{name}.concat", Concat(), beside, x)
        x = convolve_twice(name, x, width * 2**level)
        if deep_supervision and level:
            scores = net(f"{name}.head", Conv2d(classes, 1), x)
            auxiliary.insert(0, net(f"{name}.scores", Resize(size, mode="bilinear"), scores))
    return net.graph(net("head", Conv2d(classes, 1), x), *auxiliary)


def _double(net: Builder, name: str, x: Value, up: Up, beside: Value) -> Value:
    """Make `x` as large as `beside`, with as many channels.

    Pooling leaves out the last row of an odd height; `output_padding` brings it back.
    """
    channels, height, width = beside.shape.per_sample
    if up == "resize":
        x = net(f"{name}.resize", Resize((height, width), mode="bilinear"), x)
        return net(f"{name}.up", Conv2d(channels, 3, padding=1), x)
    odd = (height % 2, width % 2)
    return net(f"{name}.up", ConvTranspose2d(channels, 2, stride=2, output_padding=odd), x)
