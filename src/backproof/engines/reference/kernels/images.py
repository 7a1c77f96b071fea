"""What the kernels on images share."""

from backproof.graph import BATCH, Array, Op, Shape


def output_shape(op: Op, x: Array) -> tuple[int, ...]:
    """The shape of what `op` makes of the images x (N, C, H, W)."""
    return op.output_shape(Shape(BATCH, *x.shape[1:])).bind(x.shape[0])
