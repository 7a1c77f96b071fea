"""Convolutions, as PyTorch's: without turning the kernel around."""

from collections.abc import Iterator
from dataclasses import dataclass

from backproof.errors import ModelError
from backproof.graph.op import Op, ParameterSpec, Sample, operation
from backproof.graph.shape import Shape
from backproof.ops.spatial import (
    AroundAttribute,
    PaddingAttribute,
    PairAttribute,
    Sides,
    image_shape,
    require_output,
    same_padding,
    sides,
    window_count,
)


def _require_channels(op: "Conv2d | ConvTranspose2d") -> None:
    name = type(op).__name__
    if op.out_channels < 1:
        raise ModelError(f"{name} needs 1 output channel or more, not {op.out_channels}")
    if op.groups < 1 or op.out_channels % op.groups:
        raise ModelError(f"{name}'s groups must divide its {op.out_channels} out_channels, and {op.groups} does not")


def _require_groups(op: "Conv2d | ConvTranspose2d", channels: int) -> None:
    if channels % op.groups:
        raise ModelError(
            f"{type(op).__name__}'s groups must divide the {channels} channels of its input, and {op.groups} does not"
        )


@operation
@dataclass(frozen=True)
class Conv2d(Op):
    """y[n,o,i,j] = b[o] + Σ꜀ₐₑ W[o,c,a,e] x[n, c, i·S - P + a·D, j·S - P + e·D],   x is 0 outside of the image.

    x: (N, in, H, W)   W: (out, in/groups, kh, kw)   b: (out,)   y: (N, out, H', W') with, along each axis,

        H' = floor((H + top + bottom - D(K - 1) - 1) / S) + 1

    With groups, in and out channels are cut into as many equal parts, and each part of the output sees its own part of
    the input alone; c counts within it. groups = in channels is the depthwise convolution.

    Attributes:
        out_channels: number of output channels.
        kernel_size: K, (height, width) of the kernel.
        stride: S, pixels from one window to the next.
        padding: P, zeros around the image: a number, (height, width), (top, bottom, left, right), or "same" (stride 1
            only), which keeps H and W; where its total is odd, the odd one is at the bottom and right. Kept as
            (top, bottom, left, right).
        dilation: D, pixels from one element of the kernel to the next.
        groups: parts that the channels are cut into; it divides both numbers of channels.
        bias: whether there is a b.
        initializer: how W is drawn; None leaves it to the run.
    """

    out_channels: int
    kernel_size: PairAttribute = PairAttribute()
    stride: PairAttribute = PairAttribute(1)
    padding: PaddingAttribute = PaddingAttribute()
    dilation: PairAttribute = PairAttribute(1)
    groups: int = 1
    bias: bool = True
    initializer: str | None = None

    def __post_init__(self) -> None:
        _require_channels(self)
        if vars(self)["padding"] == "same":
            if self.stride != (1, 1):
                raise ModelError(f"Conv2d's padding 'same' goes with stride 1, not {self.stride}")
            vars(self)["padding"] = same_padding(self.kernel_size, self.dilation)

    def output_shape(self, *inputs: Shape) -> Shape:
        """(N, in, H, W) -> (N, out, H', W')."""
        (x,) = inputs
        channels, height, width = image_shape(self, x)
        _require_groups(self, channels)
        top, bottom, left, right = self.padding
        out_height = window_count(height, self.kernel_size[0], self.stride[0], top + bottom, self.dilation[0])
        out_width = window_count(width, self.kernel_size[1], self.stride[1], left + right, self.dilation[1])
        require_output(self, x, out_height, out_width)
        return Shape(x[0], self.out_channels, out_height, out_width)

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:
        """Weight (out, in/groups, kh, kw), bias (out,) starting at 0."""
        group_in = inputs[0].fixed(1) // self.groups
        kh, kw = self.kernel_size
        fan_in, fan_out = group_in * kh * kw, self.out_channels // self.groups * kh * kw
        shape = (self.out_channels, group_in, kh, kw)
        weight = ParameterSpec(shape=shape, fan_in=fan_in, fan_out=fan_out, initializer=self.initializer, decay=True)
        bias = ParameterSpec(shape=(self.out_channels,), fan_in=fan_in, fan_out=fan_out, initializer="zeros")
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Conv2d(2, 3, padding=3), shapes=((1, 4, 3, 5),))
        yield Sample(op=Conv2d(3, 3, padding=1), shapes=((1, 2, 4, 4),))
        yield Sample(op=Conv2d(3, 3, padding=1, bias=False), shapes=((2, 2, 3, 5),))
        yield Sample(op=Conv2d(4, 1), shapes=((2, 3, 2, 3),))
        yield Sample(op=Conv2d(2, 1, stride=2, bias=False), shapes=((2, 3, 5, 4),))
        yield Sample(op=Conv2d(2, 1, padding=1), shapes=((1, 2, 2, 2),))
        yield Sample(op=Conv2d(2, 3, stride=2, padding=1), shapes=((2, 2, 6, 5),))
        yield Sample(op=Conv2d(1, 2, stride=3), shapes=((1, 1, 7, 6),))
        yield Sample(op=Conv2d(2, (2, 3), stride=(2, 1), padding=(1, 0)), shapes=((2, 2, 4, 5),))
        yield Sample(op=Conv2d(2, 3, padding=(0, 1, 2, 0)), shapes=((2, 2, 4, 3),))
        yield Sample(op=Conv2d(2, 2, stride=2, padding=(1, 0, 0, 2)), shapes=((1, 2, 4, 4),))
        yield Sample(op=Conv2d(2, 3, padding="same"), shapes=((1, 2, 3, 4),))
        yield Sample(op=Conv2d(2, (2, 4), padding="same", dilation=(3, 1)), shapes=((2, 1, 4, 3),))
        yield Sample(op=Conv2d(2, 3, dilation=2), shapes=((1, 2, 6, 5),))
        yield Sample(op=Conv2d(2, (3, 2), stride=2, padding=2, dilation=(1, 3)), shapes=((2, 2, 5, 6),))
        yield Sample(op=Conv2d(4, 3, padding=1, groups=2), shapes=((2, 6, 2, 3),))
        yield Sample(op=Conv2d(6, 2, stride=2, dilation=2, groups=3, bias=False), shapes=((1, 3, 5, 5),))
        yield Sample(op=Conv2d(3, 3, padding=1, groups=3), shapes=((2, 3, 4, 4),))
        yield Sample(op=Conv2d(4, 3, stride=2, padding=(0, 1, 0, 1), groups=2), shapes=((2, 2, 4, 4),))
        yield Sample(op=Conv2d(4, 1, groups=2), shapes=((2, 4, 2, 2),))
        yield Sample(op=Conv2d(2, 3, padding=1), shapes=((3, 2, 1, 1),))
        yield Sample(op=Conv2d(1, 1), shapes=((1, 1, 1, 1),))
        yield Sample(op=Conv2d(3, (4, 3)), shapes=((2, 2, 4, 3),))
        yield Sample(op=Conv2d(1, 7, stride=2, padding=3), shapes=((1, 1, 5, 8),))
        yield Sample(op=Conv2d(3, 3, padding=1), shapes=((2, 2, 6, 5),), values="infinite")
        yield Sample(op=Conv2d(2, 3, padding=1), shapes=((2, 1, 3, 6),), values="infinite")
        yield Sample(op=Conv2d(3, 3), shapes=((2, 2, 6, 7),), values="infinite weight")
        yield Sample(op=Conv2d(2, 3), shapes=((2, 1, 5, 6),), values="infinite weight")
        yield Sample(op=Conv2d(2, 3, padding=1), shapes=((2, 2, 4, 9),))
        yield Sample(op=Conv2d(3, 3, padding=2), shapes=((1, 2, 7, 3),))
        yield Sample(op=Conv2d(2, 3, padding=2, dilation=2), shapes=((1, 2, 6, 5),))
        yield Sample(op=Conv2d(2, 3, stride=(1, 2), padding=1), shapes=((1, 2, 5, 4),))
        yield Sample(op=Conv2d(2, 2, padding=(4, 0, 4, 0), dilation=5), shapes=((1, 2, 3, 3),))
        yield Sample(op=Conv2d(2, 3, stride=2, padding=(1, 0, 1, 0), dilation=2), shapes=((2, 2, 4, 4),))
        yield Sample(op=Conv2d(2, (1, 2), stride=5, padding=(0, 0, 3, 0)), shapes=((1, 1, 1, 3),))
        yield Sample(op=Conv2d(3, 3, stride=(4, 1)), shapes=((2, 1, 7, 6),))


@operation
@dataclass(frozen=True)
class ConvTranspose2d(Op):
    """y[n, o, i·S - P + a·D, j·S - P + e·D] += x[n,c,i,j] W[c,o,a,e], summed over c, i, j, a, e, and b[o] added.

    Forward is what backward to the input is in `Conv2d` with the same attributes; what falls outside is dropped.

    x: (N, in, H, W)   W: (in, out/groups, kh, kw)   b: (out,)   y: (N, out, H', W') with, along each axis,

        H' = (H - 1) S - 2 P + D (K - 1) + output_padding + 1        with top + bottom for 2 P where they differ

    Attributes:
        out_channels: number of output channels.
        kernel_size: K, (height, width) of the kernel.
        stride: S, pixels between the places where two neighbours of the input go.
        padding: P, (height, width): rows and columns cut off on each side; or (top, bottom, left, right).
        output_padding: (height, width): rows and columns more at the bottom and right, since a strided `Conv2d` makes
            equal outputs from unequal inputs; smaller than stride or dilation.
        groups: parts that the channels are cut into, as in `Conv2d`.
        bias: whether there is a b.
        dilation: D, pixels from one element of the kernel to the next.
        initializer: how W is drawn; None leaves it to the run.
    """

    out_channels: int
    kernel_size: PairAttribute = PairAttribute()
    stride: PairAttribute = PairAttribute(1)
    padding: AroundAttribute = AroundAttribute(0, least=0)
    output_padding: PairAttribute = PairAttribute(0, least=0)
    groups: int = 1
    bias: bool = True
    dilation: PairAttribute = PairAttribute(1)
    initializer: str | None = None

    def __post_init__(self) -> None:
        _require_channels(self)
        for extra, stride, dilation in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(stride, dilation):
                raise ModelError(
                    f"ConvTranspose2d's output_padding is smaller than its stride or dilation, and {extra} is "
                    f"neither below {stride} nor below {dilation}"
                )

    @property
    def sides(self) -> Sides:
        """(top, bottom, left, right) of the padding."""
        return sides(self.padding)

    def output_shape(self, *inputs: Shape) -> Shape:
        """(N, in, H, W) -> (N, out, H', W')."""
        (x,) = inputs
        channels, *sizes = image_shape(self, x)
        _require_groups(self, channels)
        height, width = (
            (sizes[axis] - 1) * self.stride[axis]
            - sum(self.sides[2 * axis : 2 * axis + 2])
            + self.dilation[axis] * (self.kernel_size[axis] - 1)
            + self.output_padding[axis]
            + 1
            for axis in (0, 1)
        )
        require_output(self, x, height, width)
        return Shape(x[0], self.out_channels, height, width)

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:
        """Weight (in, out/groups, kh, kw), bias (out,) starting at 0.

        The fans are those of the operation, one input pixel under each element of the kernel. PyTorch's initializers
        read them off the axes of the weight, and so take one for the other.
        """
        channels, group_out = inputs[0].fixed(1), self.out_channels // self.groups
        kh, kw = self.kernel_size
        fan_in, fan_out = channels // self.groups * kh * kw, group_out * kh * kw
        shape = (channels, group_out, kh, kw)
        weight = ParameterSpec(shape=shape, fan_in=fan_in, fan_out=fan_out, initializer=self.initializer, decay=True)
        bias = ParameterSpec(shape=(self.out_channels,), fan_in=fan_in, fan_out=fan_out, initializer="zeros")
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=ConvTranspose2d(2, 2, stride=2), shapes=((2, 3, 3, 2),))
        yield Sample(op=ConvTranspose2d(2, 3), shapes=((1, 2, 3, 4),))
        yield Sample(op=ConvTranspose2d(2, 3, padding=1, bias=False), shapes=((2, 2, 3, 3),))
        yield Sample(op=ConvTranspose2d(2, 3, padding=1), shapes=((1, 2, 3, 4),))
        yield Sample(op=ConvTranspose2d(3, 3, stride=2, padding=1, output_padding=1), shapes=((2, 2, 2, 3),))
        yield Sample(op=ConvTranspose2d(2, (2, 3), stride=(3, 1), output_padding=(2, 0)), shapes=((1, 1, 2, 3),))
        yield Sample(op=ConvTranspose2d(2, 3, dilation=2), shapes=((1, 2, 2, 3),))
        yield Sample(
            op=ConvTranspose2d(2, 2, stride=2, padding=(1, 0), output_padding=(0, 2), dilation=(2, 3)),
            shapes=((2, 1, 3, 2),),
        )
        op = ConvTranspose2d(2, 2, stride=2, padding=(2, 1), output_padding=2, dilation=3)
        yield Sample(op=op, shapes=((1, 1, 3, 3),))
        yield Sample(op=ConvTranspose2d(4, 3, stride=2, padding=1, groups=2), shapes=((2, 2, 3, 2),))
        yield Sample(op=ConvTranspose2d(3, 2, groups=3, bias=False), shapes=((1, 3, 2, 2),))
        yield Sample(op=ConvTranspose2d(2, 3, 2, (0, 1, 2, 0)), shapes=((1, 2, 3, 2),))
        yield Sample(op=ConvTranspose2d(2, 2, 2, (1, 0, 0, 1), output_padding=1, groups=2), shapes=((2, 2, 2, 3),))
        yield Sample(op=ConvTranspose2d(4, 1), shapes=((2, 3, 2, 2),))
        yield Sample(op=ConvTranspose2d(1, 1, stride=2), shapes=((1, 1, 2, 3),))
        yield Sample(op=ConvTranspose2d(2, 4, stride=2, padding=1), shapes=((3, 2, 1, 1),))
        # Not padded: engines multiply ∞ by the zeros of a padding, to which the formula gives no part in dW.
        yield Sample(op=ConvTranspose2d(2, 3), shapes=((2, 3, 6, 5),), values="infinite")
        yield Sample(op=ConvTranspose2d(1, 3), shapes=((2, 2, 3, 6),), values="infinite")
