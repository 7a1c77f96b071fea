"""ReLU with a slope that is learned."""

from collections.abc import Iterator
from dataclasses import dataclass

from backproof.errors import ModelError
from backproof.graph.op import ParameterSpec, Sample, operation
from backproof.graph.shape import Shape
from backproof.ops.activation import ElementWise


@operation
@dataclass(frozen=True)
class PReLU(ElementWise):
    """y = x where x > 0, else w x.   dy/dx = 1 or w; at 0 it is w, as PyTorch.   dw = Σ dy x where x <= 0.

    He et al. 2015. The slopes start at 1/4.

    x, y: (N, C, ...)   w: as `num_parameters` says; the sum is over all elements that share it.

    Attributes:
        num_parameters: 1, one slope for all; C, one a channel (axis 1); or the shape of w, which is broadcast to x as
            NumPy does, such as (C, 1, 1).
    """

    num_parameters: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        if not all(isinstance(n, int) and n >= 1 for n in self.shape):
            raise ModelError(f"PReLU's num_parameters is a whole number >= 1 or a shape, not {self.num_parameters}")

    @property
    def shape(self) -> tuple[int, ...]:
        """That of w."""
        return self.num_parameters if isinstance(self.num_parameters, tuple) else (self.num_parameters,)

    def broadcast(self, rank: int) -> tuple[int, ...]:
        """The shape of w as it meets x of so many axes."""
        if isinstance(self.num_parameters, tuple):
            return (1,) * (rank - len(self.num_parameters)) + self.num_parameters
        return (1, self.num_parameters, *(1,) * (rank - 2)) if rank > 1 else (self.num_parameters,)

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        met = self.broadcast(len(x))
        if len(met) != len(x) or any(n not in (1, size) for n, size in zip(met, x, strict=True)):
            raise ModelError(f"PReLU({self.num_parameters}) does not fit an input of shape {x}")
        return x

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:  # noqa: ARG002
        """The slopes w."""
        return {"weight": ParameterSpec(shape=self.shape, initializer="quarter")}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=PReLU(3), shapes=((2, 3, 2, 2),))
        yield Sample(op=PReLU(4), shapes=((5, 4),))
        yield Sample(op=PReLU((3, 1, 1)), shapes=((2, 3, 2, 2),))
        yield Sample(op=PReLU((2, 4)), shapes=((3, 2, 4),))
        yield Sample(op=PReLU(()), shapes=((3, 2),))
        yield Sample(op=PReLU(2), shapes=((3, 2),), values="infinite weight")
