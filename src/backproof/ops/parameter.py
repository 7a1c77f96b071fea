"""A weight that stands by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import ClassVar, get_args

from backproof.errors import ModelError, unknown
from backproof.graph.op import Kind, Op, ParameterSpec, Sample, later, operation
from backproof.graph.shape import Shape


@operation
@dataclass(frozen=True)
class Parameter(Op):
    """y = W, without inputs and without a batch axis.   dW = dy, summed over all who take y.

    Taken by several nodes it is a tied weight; not trainable, a constant that is kept with the weights. `Add` and `Mul`
    broadcast it over the batch.   PyTorch's `nn.Parameter`, or buffer.

    Attributes:
        shape: of W and y.
        kind: what y holds. A constant of whole numbers or truth values is kept as floats, with the other weights.
        trainable: whether optimizers move it.
        decay: whether weight decay applies to it.
        initializer: how W is drawn; None leaves it to the run.
    """

    arity: ClassVar[int] = 0

    shape: tuple[int, ...]
    trainable: bool = True
    decay: bool = True
    initializer: str | None = "normal"
    kind: Kind = later("float")

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise unknown("kind of Parameter", self.kind, get_args(Kind), ModelError)
        if self.trainable and self.kind != "float":
            raise ModelError(f"Parameter of {self.kind}s is a constant: give trainable=False")
        if any(dim < 1 for dim in self.shape):
            raise ModelError(f"Parameter's shape has dimensions of 1 or more, not {self.shape}")

    def output_shape(self, *inputs: Shape) -> Shape:  # noqa: ARG002
        return Shape(*self.shape)

    def kind_of(self, *kinds: Kind) -> Kind:  # noqa: ARG002
        return self.kind

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:  # noqa: ARG002
        spec = ParameterSpec(
            shape=self.shape,
            fan_in=prod(self.shape[1:]),
            fan_out=self.shape[0] if self.shape else 1,
            initializer=self.initializer,
            trainable=self.trainable,
            decay=self.decay,
        )
        return {"weight": spec}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for shape in ((3,), (2, 3), (2, 3, 4), (1,)):
            yield Sample(op=Parameter(shape), shapes=())
        yield Sample(op=Parameter((2, 3), trainable=False), shapes=())
        yield Sample(op=Parameter((4,)), shapes=(), training=False)
        yield Sample(op=Parameter(()), shapes=())
        yield Sample(op=Parameter((2, 3), trainable=False, kind="int"), shapes=())
        yield Sample(op=Parameter((2, 3), trainable=False, kind="bool"), shapes=())
