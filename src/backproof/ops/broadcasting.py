"""Shapes that operations on several inputs broadcast, as NumPy does."""

from backproof.errors import ModelError
from backproof.graph.op import Op
from backproof.graph.shape import Shape


def broadcast_shapes(op: Op, *shapes: Shape) -> Shape:
    """The shape that all are broadcast to: axes are matched from the last one, and 1 meets anything.

    Raises `UserError` where they do not fit.
    """
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    found = []
    for dims in zip(*padded, strict=True):
        sizes = {dim for dim in dims if dim != 1}
        if len(sizes) > 1:
            raise ModelError(f"{op} cannot broadcast {' and '.join(map(str, shapes))} to one shape")
        found.append(sizes.pop() if sizes else 1)
    return Shape(*found)
