"""Images resized and padded wrongly."""

from dataclasses import replace

import numpy as np

from backproof.engines.reference.kernels.pad import PadKernel
from backproof.engines.reference.kernels.resize import ResizeKernel
from backproof.ops import Pad, Resize
from faults.fault import wrong_kernel


@wrong_kernel(Resize, at="output, gradient of input")
class AlignCornersIgnored(ResizeKernel):
    """Places are worked out as if pixels were squares, whatever align_corners says."""

    def forward(self, op, inputs, p, call):
        return super().forward(replace(op, align_corners=False), inputs, p, call)

    def backward(self, op, dy, saved, p, g, call):
        return super().backward(replace(op, align_corners=False), dy, saved, p, g, call)


@wrong_kernel(Resize, at="gradient of input")
class GradientOfNearest(ResizeKernel):
    """Backward hands all of the gradient to the nearest pixel, though forward has mixed four."""

    def backward(self, op, dy, saved, p, g, call):
        nearest = replace(op, mode="nearest", align_corners=False, antialias=False, exclude_outside=False)
        return super().backward(nearest, dy, saved, p, g, call)


@wrong_kernel(Pad, at="output")
class ValueIgnored(PadKernel):
    """The padding is zeros, whatever the value."""

    def forward(self, op, inputs, p, call):
        return super().forward(replace(op, value=0.0), inputs, p, call)


@wrong_kernel(Pad, at="gradient of input")
class BorderForgottenInBackward(PadKernel):
    """Backward cuts the border off, though it was copied from pixels of the image."""

    def backward(self, op, dy, saved, p, g, call):
        (shape,) = saved
        dx = np.zeros(shape)
        image = dx[op.kept(shape)]
        around = zip(image.shape, op.added(len(shape)), strict=True)
        image[...] = dy[tuple(slice(before, before + n) for n, (before, _) in around)]
        return (dx,)
