"""Activations: element by element, or along the class axis."""

from collections.abc import Iterator
from dataclasses import dataclass

from backproof.errors import UserError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape

SHAPES = ((5, 4), (1, 1), (2, 3, 2, 2))


@dataclass(frozen=True)
class ElementWise(Op):
    """y has the shape of x; each element depends on its own alone."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """As the input."""
        return inputs[0]

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """A matrix, one element, images."""
        for shape in SHAPES:
            yield Sample(op=cls(), shapes=(shape,))


@operation
@dataclass(frozen=True)
class ReLU(ElementWise):
    """y = max(x, 0).   dy/dx = 1 where x > 0, else 0 (so 0 at x = 0, as PyTorch)."""


@operation
@dataclass(frozen=True)
class LeakyReLU(ElementWise):
    """y = x where x > 0, else negative_slope · x.   dy/dx at 0 is negative_slope, as PyTorch.

    Attributes:
        negative_slope: the factor of negative inputs.
    """

    negative_slope: float = 0.01

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """Also a steep slope."""
        yield from super().samples()
        yield Sample(op=LeakyReLU(0.3), shapes=((4, 3),))


@operation
@dataclass(frozen=True)
class Sigmoid(ElementWise):
    """y = 1 / (1 + e⁻ˣ).   dy/dx = y (1 - y)."""


@operation
@dataclass(frozen=True)
class Tanh(ElementWise):
    """y = tanh x.   dy/dx = 1 - y²."""


@dataclass(frozen=True)
class AlongClasses(ElementWise):
    """Normalises axis 1, the classes or channels, as PyTorch's `dim=1`."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """As the input, which needs a class axis."""
        (x,) = inputs
        if len(x) < 2:
            raise UserError(f"{type(self).__name__} takes an input of shape (N, classes, ...), not {x}")
        return x


@operation
@dataclass(frozen=True)
class Softmax(AlongClasses):
    """y = eˣ / Σ eˣ along axis 1.   dx = y (dy - Σ dy y)."""


@operation
@dataclass(frozen=True)
class LogSoftmax(AlongClasses):
    """y = x - log Σ eˣ along axis 1.   dx = dy - eʸ Σ dy."""
