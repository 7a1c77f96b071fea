"""Shapes that operations on several inputs broadcast, as NumPy does."""

from backproof.errors import ModelError
from backproof.graph.op import Op
from backproof.graph.shape import Shape, broadcast


def broadcast_shapes(op: Op, *shapes: Shape) -> Shape:
    """The shape that all are broadcast to: axes are matched from the last one, and 1 meets anything.

    Raises `UserError` where they do not fit.
    """
    shape = broadcast(*shapes)
    if shape is None:
        raise ModelError(f"{op} cannot broadcast {' and '.join(map(str, shapes))} to one shape")
    return shape
