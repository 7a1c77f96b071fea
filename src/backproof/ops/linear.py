"""Fully connected layers."""

from collections.abc import Iterator
from dataclasses import dataclass

from backproof.errors import ModelError
from backproof.graph.op import Op, ParameterSpec, Sample, operation
from backproof.graph.shape import Shape


@operation
@dataclass(frozen=True)
class Linear(Op):
    """y = x Wᵀ + b.   x: (N, ..., in)   W: (out, in)   b: (out,)   y: (N, ..., out), as PyTorch's.

    The batch may stand at another axis than the first, or at none, but not at the last.

    Attributes:
        out_features: number of outputs, out.
        bias: whether there is a b.
        initializer: how W is drawn; None leaves it to the run.
    """

    out_features: int
    bias: bool = True
    initializer: str | None = None

    def __post_init__(self) -> None:
        if self.out_features < 1:
            raise ModelError(f"Linear needs 1 output feature or more, not {self.out_features}")

    def output_shape(self, *inputs: Shape) -> Shape:
        """(N, ..., in) -> (N, ..., out)."""
        (x,) = inputs
        if len(x) < 2 or not isinstance(x[-1], int):
            raise ModelError(f"Linear takes an input of shape (N, ..., features), not {x}")
        return Shape(*x[:-1], self.out_features)

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:
        """Weight (out, in), bias (out,) starting at 0."""
        fan_in = inputs[0].fixed(-1)
        weight = ParameterSpec(
            shape=(self.out_features, fan_in),
            fan_in=fan_in,
            fan_out=self.out_features,
            initializer=self.initializer,
            decay=True,
        )
        bias = ParameterSpec(shape=(self.out_features,), fan_in=fan_in, fan_out=self.out_features, initializer="zeros")
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Linear(4), shapes=((5, 3),))
        yield Sample(op=Linear(3), shapes=((1, 7),))
        yield Sample(op=Linear(1), shapes=((6, 1),))
        yield Sample(op=Linear(5, bias=False), shapes=((4, 2),))
        yield Sample(op=Linear(3), shapes=((2, 3),))
        yield Sample(op=Linear(4), shapes=((2, 3, 5),))
        yield Sample(op=Linear(3, bias=False), shapes=((3, 1, 2),))
        yield Sample(op=Linear(2), shapes=((2, 3, 2, 4),))
        yield Sample.of(Linear(2), Shape(3, "N", 4))
        yield Sample.of(Linear(2), Shape("3N", 4))
        yield Sample.of(Linear(2), Shape(3, 4))
