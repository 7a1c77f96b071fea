"""What is linear along rows and along columns: mean pooling, resizing, padding.

y[n,c] = R x[n,c] Cᵀ   with a matrix R (H', H) and a matrix C (W', W), so   dx[n,c] = Rᵀ dy[n,c] C.
"""

from typing import Literal

import numpy as np

from backproof.engines.kernel import AnyOp, Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.images import output_shape
from backproof.engines.reference.vectorised.table import VECTORISED
from backproof.graph import Array, Arrays
from backproof.ops import AdaptiveAvgPool2d, AvgPool2d, Resize

Axis = Literal[0, 1]

AXES: tuple[Axis, Axis] = (0, 1)


class SeparableKernel(Kernel[AnyOp, Call]):
    """y = R x Cᵀ · scale + constant."""

    def matrix(self, op: AnyOp, axis: Axis, size: int, out: int) -> Array:
        """R (axis 0) or C (axis 1): (out, size)."""
        raise NotImplementedError

    def scale(self, op: AnyOp, image: tuple[int, ...], output: tuple[int, ...]) -> Array:
        """A factor for each output pixel, or for all."""
        return np.ones(())

    def forward(self, op: AnyOp, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        (x,) = inputs
        output = output_shape(op, x)
        R, C = self.matrix(op, 0, x.shape[2], output[2]), self.matrix(op, 1, x.shape[3], output[3])
        scale = self.scale(op, x.shape[2:], output[2:])
        return R @ x @ C.T * scale, (R, C, scale)

    def backward(self, op: AnyOp, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        R, C, scale = saved
        return (R.T @ (dy * scale) @ C,)


@computes(VECTORISED, AvgPool2d)
class AvgPool2dKernel(SeparableKernel[AvgPool2d]):
    """R[i,k] is 1 where window i sees row k; the scale is 1 / divisor."""

    def matrix(self, op: AvgPool2d, axis: Axis, size: int, out: int) -> Array:
        seen: Array = np.any(self.places(op, axis, out)[:, :, None] == np.arange(size), 1).astype(float)
        return seen

    def scale(self, op: AvgPool2d, image: tuple[int, ...], output: tuple[int, ...]) -> Array:
        if op.divisor_override is not None:
            return np.array(1 / op.divisor_override)
        rows, columns = (self.seen(op, axis, image[axis], output[axis]) for axis in (0, 1))
        return 1 / np.outer(rows, columns)

    def seen(self, op: AvgPool2d, axis: Axis, size: int, out: int) -> Array:
        """How many rows or columns count in each window: those in the image, and the padding where it counts."""
        before, after = op.sides[2 * axis : 2 * axis + 2] if op.count_include_pad else (0, 0)
        places = self.places(op, axis, out)
        inside: Array = (-before <= places) & (places < size + after)
        return np.asarray(np.sum(inside, 1))

    def places(self, op: AvgPool2d, axis: Axis, out: int) -> Array:
        """(out, K): the rows or columns that each window lies on."""
        start = np.arange(out) * op.stride[axis] - op.sides[2 * axis]
        return np.add.outer(start, np.arange(op.kernel_size[axis]) * op.dilation[axis])


@computes(VECTORISED, AdaptiveAvgPool2d)
class AdaptiveAvgPool2dKernel(SeparableKernel[AdaptiveAvgPool2d]):
    """R[i,k] is 1 / (rows in window i) where window i sees row k."""

    def matrix(self, op: AdaptiveAvgPool2d, axis: Axis, size: int, out: int) -> Array:
        R = np.zeros((out, size))
        for i in range(out):
            start, end = op.window(i, size, out)
            R[i, start:end] = 1 / (end - start)
        return R


@computes(VECTORISED, Resize)
class ResizeKernel(SeparableKernel[Resize]):
    """R[i] has the weights of the rows around the place of output row i: none where that is outside of the image."""

    def matrix(self, op: Resize, axis: Axis, size: int, out: int) -> Array:
        R = np.zeros((out, size))
        for i, (rows, weights) in enumerate(op.taps(size, axis)):
            np.add.at(R[i], np.array(rows, int), weights)
        return R

    def forward(self, op: Resize, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        y, saved = super().forward(op, inputs, p, call)
        if op.roi is not None:
            rows, columns = (np.array([bool(t.rows) for t in op.taps(inputs[0].shape[2 + i], i)]) for i in AXES)
            y = np.where(rows[:, None] & columns, y, op.extrapolation_value)
        return y, saved
