"""Padding: rows and columns are copied from where the operation says, or hold the value.

y[n, i, j] = x[n, r(i), s(j)]        dx[n, r(i), s(j)] += dy[n, i, j]

Of more axes than two, or of others, one after the other. All through views in which the axes are the canonical ones.
"""

from typing import ClassVar

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.layout import canonical, laid_out
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Pad


@computes(KERNELS, Pad)
class PadKernel(NumpyKernel[Pad]):
    """The middle at once, then the few rows above and below, then the columns beside."""

    layout: ClassVar = "any"

    def forward(self, op: Pad, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """y = x, and around it what the mode says."""
        turned = call.output_turned
        call.ways.add("channels last" if turned else "canonical")
        x = canonical(inputs[0], turned)
        kept = x[op.kept(x.shape)]
        added = op.added(x.ndim)
        shape = tuple(before + size + after for size, (before, after) in zip(kept.shape, added, strict=True))
        output = call.borrow_output(laid_out(shape, turned))
        y = canonical(output, turned)
        y[_middle(kept.shape, added)] = kept
        for axis, (before, after) in enumerate(added):
            for i in _outside(before, kept.shape[axis], after):
                source = op.source(i - before, kept.shape[axis])
                y[_at(axis, i)] = op.value if source is None else y[_at(axis, before + source)]
        return output, (x.shape, kept.shape)

    def backward(self, op: Pad, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        """Forward in reverse: columns beside go back to their source, then rows, then the middle is left."""
        shape, kept = saved
        turned, added = call.output_turned, op.added(len(shape))
        scratch = call.pool.scratch("padded", dy.shape)
        scratch[...] = dy
        rest = canonical(scratch, turned)
        for axis, (before, after) in reversed(list(enumerate(added))):
            for i in _outside(before, kept[axis], after):
                source = op.source(i - before, kept[axis])
                if source is not None:
                    rest[_at(axis, before + source)] += rest[_at(axis, i)]
        gradient = call.borrow_gradient(laid_out(shape, turned))
        dx = canonical(gradient, turned)
        if kept != shape:
            call.ways.add("taken away")
            dx[...] = 0
        dx[op.kept(shape)] = rest[_middle(kept, added)]
        return (gradient,)


def _at(axis: int, place: int) -> tuple[slice | int, ...]:
    """One place along an axis, and all of the others."""
    return (*[slice(None)] * axis, place)


def _middle(kept: tuple[int, ...], added: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    """Where in y the image lies."""
    return tuple(slice(before, before + size) for size, (before, _) in zip(kept, added, strict=True))


def _outside(before: int, size: int, after: int) -> list[int]:
    """The places along an axis that are not the image's."""
    return [*range(before), *range(before + size, before + size + after)]
