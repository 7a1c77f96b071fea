"""Convolutions gone wrong."""

from dataclasses import replace

import numpy as np

from backproof.engines.kernel import Kernel
from backproof.engines.reference.kernels.conv import ConvTranspose2dKernel
from backproof.engines.reference.kernels.images import output_shape
from backproof.ops import Conv2d, ConvTranspose2d
from faults.fault import wrong_kernel


class Convolution(Kernel):
    """A right convolution, as one writes it in NumPy: a sum of matrix products, one for each element of the kernel."""

    def sides(self, op):
        """Rows and columns of zeros: top, bottom, left, right."""
        return op.padding

    def tap(self, op, padded, a, e, height, width):
        """The pixels that element (a, e) of the kernel meets, as a view."""
        (S, T), (D, E) = op.stride, op.dilation
        return padded[:, :, a * D : a * D + S * (height - 1) + 1 : S, e * E : e * E + T * (width - 1) + 1 : T]

    def groups(self, op, x):
        """(N, C, H, W) as (N, groups, C / groups, H, W)."""
        return x.reshape(len(x), op.groups, x.shape[1] // op.groups, *x.shape[2:])

    def element(self, op, W, a, e):
        """Element (a, e) of the weight, as (groups, out / groups, in / groups)."""
        return W[:, :, a, e].reshape(op.groups, W.shape[0] // op.groups, W.shape[1])

    def forward(self, op, inputs, p, call):
        (x,) = inputs
        top, bottom, left, right = self.sides(op)
        padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        y = np.zeros(output_shape(op, x))
        for a, e in np.ndindex(*op.kernel_size):
            tap = self.groups(op, self.tap(op, padded, a, e, *y.shape[2:]))
            product = np.einsum("ngchw,goc->ngohw", tap, self.element(op, p["weight"], a, e))
            y += product.reshape(y.shape)
        if op.bias:
            y += p["bias"][:, None, None]
        return y, (padded, x.shape)

    def backward(self, op, dy, saved, p, g, call):
        padded, shape = saved
        dpadded = np.zeros_like(padded)
        dys = dy.reshape(len(dy), op.groups, -1, *dy.shape[2:])
        for a, e in np.ndindex(*op.kernel_size):
            view = self.tap(op, padded, a, e, *dy.shape[2:])
            dW = np.einsum("ngchw,ngohw->goc", self.groups(op, view), dys)
            g["weight"][:, :, a, e] = dW.reshape(g["weight"].shape[:2])
            dx = np.einsum("ngohw,goc->ngchw", dys, self.element(op, p["weight"], a, e))
            self.add(self.tap(op, dpadded, a, e, *dy.shape[2:]), self.ungrouped(op, dx))
        if op.bias:
            self.bias_gradient(dy, g["bias"])
        top, _, left, _ = self.sides(op)
        return (dpadded[:, :, top : top + shape[2], left : left + shape[3]],)

    def ungrouped(self, op, x):
        """(N, groups, C / groups, H, W) as (N, C, H, W)."""
        return x.reshape(len(x), -1, *x.shape[3:])

    def add(self, view, dx):
        """What one element of the kernel contributes to the gradient of the padded input."""
        view += dx

    def bias_gradient(self, dy, db):
        """Σ dy over samples and pixels."""
        db[:] = dy.sum(axis=(0, 2, 3))


@wrong_kernel(Conv2d, at="output, gradient of weight, gradient of input")
class PaddingOnTheWrongSide(Convolution):
    """What belongs to the bottom and the right is added at the top and the left."""

    def sides(self, op):
        top, bottom, left, right = op.padding
        return bottom, top, right, left


@wrong_kernel(Conv2d, at="output, gradient of weight, gradient of input")
class DilationIgnored(Convolution):
    """The elements of the kernel are neighbours, whatever the dilation."""

    def tap(self, op, padded, a, e, height, width):
        return super().tap(replace(op, dilation=1), padded, a, e, height, width)


@wrong_kernel(Conv2d, at="output, gradient of weight, gradient of input")
class GroupsMixed(Convolution):
    """Group g takes every channel c with c mod groups = g, not a run of neighbours."""

    def groups(self, op, x):
        return x.reshape(len(x), x.shape[1] // op.groups, op.groups, *x.shape[2:]).swapaxes(1, 2)

    def ungrouped(self, op, x):
        return super().ungrouped(op, x.swapaxes(1, 2))


@wrong_kernel(Conv2d, at="output, gradient of weight, gradient of input")
class KernelTurned(Convolution):
    """The kernel is turned around, as the convolution of the mathematicians has it."""

    def tap(self, op, padded, a, e, height, width):
        rows, columns = op.kernel_size
        return super().tap(op, padded, rows - 1 - a, columns - 1 - e, height, width)


@wrong_kernel(Conv2d, at="output")
class SummedInFloat32(Convolution):
    """The products are added up in a float32 array, in the midst of a float64 computation."""

    def forward(self, op, inputs, p, call):
        y, saved = super().forward(op, inputs, p, call)
        return y.astype(np.float32).astype(np.float64), saved


@wrong_kernel(Conv2d, at="gradient of bias")
class BiasGradientMissing(Convolution):
    """The gradient of the bias is never written."""

    def bias_gradient(self, dy, db):
        pass


@wrong_kernel(Conv2d, at="gradient of bias")
class BiasGradientOverSamplesAlone(Convolution):
    """The gradient of the bias is summed over the samples, and averaged over the pixels."""

    def bias_gradient(self, dy, db):
        db[:] = dy.sum(axis=0).mean(axis=(1, 2))


@wrong_kernel(Conv2d, at="gradient of input")
class OverlapsOverwritten(Convolution):
    """A pixel in several windows gets the gradient of the last one alone: = where += belongs."""

    def add(self, view, dx):
        view[...] = dx


@wrong_kernel(Conv2d, at="gradient of input")
class WeightTransposedInBackward(Convolution):
    """Where there are as many inputs as outputs, backward takes the weight with the two exchanged."""

    def backward(self, op, dy, saved, p, g, call):
        W = p["weight"]
        turned = W.swapaxes(0, 1) if W.shape[0] == W.shape[1] else W
        return super().backward(op, dy, saved, {**p, "weight": np.ascontiguousarray(turned)}, g, call)


@wrong_kernel(Conv2d, at="gradient of input")
class GradientCutAtTheWrongSide(Convolution):
    """The rows of the padding are cut off at the bottom where they were added at the top, and the other way round."""

    def backward(self, op, dy, saved, p, g, call):
        _, shape = saved
        _, bottom, _, right = op.padding
        (dx,) = Convolution.backward(self, op, dy, saved, p, g, call)
        padded = dx.base
        return (padded[:, :, bottom : bottom + shape[2], right : right + shape[3]],)


@wrong_kernel(ConvTranspose2d, at="output, gradient of weight, gradient of bias, gradient of input")
class OutputPaddingIgnored(ConvTranspose2dKernel):
    """The rows and columns of output_padding stay zeros."""

    def forward(self, op, inputs, p, call):
        y, saved = super().forward(replace(op, output_padding=0), inputs, p, call)
        rows, columns = op.output_padding
        return np.pad(y, ((0, 0), (0, 0), (0, rows), (0, columns))), saved

    def backward(self, op, dy, saved, p, g, call):
        rows, columns = op.output_padding
        seen = dy[:, :, : dy.shape[2] - rows, : dy.shape[3] - columns]
        return super().backward(replace(op, output_padding=0), seen, saved, p, g, call)
