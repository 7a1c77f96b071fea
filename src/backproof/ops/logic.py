"""Truth values and whole numbers: comparing, choosing, converting. Gradients flow through floats alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from backproof.errors import ModelError, unknown
from backproof.graph.op import LETTERS, Kind, Op, Sample, operation
from backproof.graph.shape import BATCH, Shape
from backproof.ops.broadcasting import broadcast_shapes

Relation = Literal["equal", "less", "less_or_equal", "greater", "greater_or_equal"]


@operation
@dataclass(frozen=True)
class Where(Op):
    """y = a where the condition holds, else b; all three are broadcast.   da = dy where it holds, db = dy elsewhere.

    Each gradient is summed over where its input was broadcast to.   Inputs: condition (truth values), a, b.
    """

    arity: ClassVar[int] = 3

    def kind_of(self, *kinds: Kind) -> Kind:
        self.require_kinds(kinds[:1], "bool")
        return self.require_kinds(kinds[1:], "float", "int", "bool")

    def output_shape(self, *inputs: Shape) -> Shape:
        return broadcast_shapes(self, *inputs)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        floats: tuple[Kind, ...] = ("bool", "float", "float")
        yield Sample.of(cls(), *[Shape(BATCH, 3)] * 3, kinds=floats)
        yield Sample.of(cls(), Shape(3, 4), Shape(BATCH, 2, 3, 4), Shape(), kinds=floats)
        yield Sample.of(cls(), Shape(BATCH, 1, 2), Shape(BATCH, 3, 1), Shape(3, 2), kinds=floats)
        yield Sample.of(cls(), Shape(BATCH, 1, 2, 1), Shape(BATCH, 3, 2, 2), Shape(1), kinds=floats)
        yield Sample.of(cls(), Shape(2, BATCH), Shape(BATCH), Shape(2, 1), kinds=("bool", "int", "int"))


@operation
@dataclass(frozen=True)
class Cast(Op):
    """y = x as a value of another kind.   dx = dy from floats to floats, else there is none.

    Floats become whole numbers by leaving out what is behind the point; numbers become truth values by x ≠ 0, and truth
    values 0 and 1.

    Attributes:
        kind: "float", which is the dtype of the engine, "int" or "bool".
    """

    kind: Kind

    def __post_init__(self) -> None:
        if self.kind not in LETTERS:
            raise unknown("kind of Cast", self.kind, LETTERS, ModelError)

    def kind_of(self, *kinds: Kind) -> Kind:  # noqa: ARG002
        return self.kind

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for kind in LETTERS:
            yield Sample.of(cls("float"), Shape(BATCH, 3), kinds=(kind,))
            yield Sample.of(cls("int"), Shape(2, BATCH), kinds=(kind,))
            yield Sample.of(cls("bool"), Shape(BATCH, 3, 2, 2), kinds=(kind,))
        yield Sample(op=cls("bool"), shapes=((4, 3),), values="whole")


@operation
@dataclass(frozen=True)
class Compare(Op):
    """y = whether the relation holds between a and b, which are broadcast. No gradient flows through it.

    Attributes:
        relation: "equal", "less", "less_or_equal", "greater" or "greater_or_equal".
    """

    arity: ClassVar[int] = 2

    relation: Relation

    def __post_init__(self) -> None:
        if self.relation not in get_args(Relation):
            raise unknown("relation of Compare", self.relation, get_args(Relation), ModelError)

    def kind_of(self, *kinds: Kind) -> Kind:
        self.require_kinds(kinds, "float", "int", *(("bool",) if self.relation == "equal" else ()))
        return "bool"

    def output_shape(self, *inputs: Shape) -> Shape:
        return broadcast_shapes(self, *inputs)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for relation in get_args(Relation):
            yield Sample(op=cls(relation), shapes=((3, 4), (3, 4)), values="whole")
            yield Sample.of(cls(relation), Shape(BATCH, 3, 1, 2), Shape(2, 1), kinds=("int", "int"))
        yield Sample.of(cls("equal"), Shape(2, BATCH), Shape(1, BATCH), kinds=("bool", "bool"))
        yield Sample(op=cls("less"), shapes=((3, 2, 2, 2), (3, 2, 2, 2)), values="nan")


@dataclass(frozen=True)
class Logical(Op):
    """From truth values to truth values."""

    def kind_of(self, *kinds: Kind) -> Kind:
        return self.require_kinds(kinds, "bool")

    def output_shape(self, *inputs: Shape) -> Shape:
        return broadcast_shapes(self, *inputs)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        one: tuple[Kind, ...] = ("bool",)
        kinds = one * cls.arity
        yield Sample.of(cls(), *[Shape(BATCH, 3)] * cls.arity, batch=4, kinds=kinds)
        yield Sample.of(cls(), *[Shape(2, 1, BATCH), Shape(3, 1)][: cls.arity], kinds=kinds)


@operation
@dataclass(frozen=True)
class LogicalNot(Logical):
    """y = whether x does not hold."""


@operation
@dataclass(frozen=True)
class LogicalAnd(Logical):
    """y = whether both hold; a and b are broadcast."""

    arity: ClassVar[int] = 2


@operation
@dataclass(frozen=True)
class LogicalOr(Logical):
    """y = whether one holds or both; a and b are broadcast."""

    arity: ClassVar[int] = 2


@operation
@dataclass(frozen=True)
class IsNaN(Op):
    """y = whether x is no number, a NaN."""

    def kind_of(self, *kinds: Kind) -> Kind:
        self.require_kinds(kinds, "float")
        return "bool"

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=cls(), shapes=((3, 2, 2, 2),), values="nan")
        yield Sample(op=cls(), shapes=((3, 4),), values="infinite")


@operation
@dataclass(frozen=True)
class ArgMax(Op):
    """y = the place of the largest number along an axis, counted from 0; of equal ones the first. No gradient.

    A NaN counts as the largest, as in PyTorch.

    Attributes:
        dim: the axis, of a fixed size.
        keepdim: whether it stays, with size 1.
        select_last_index: the last of equal ones, as ONNX may have it.
    """

    dim: int
    keepdim: bool = False
    select_last_index: bool = False

    def kind_of(self, *kinds: Kind) -> Kind:
        self.require_kinds(kinds, "float", "int")
        return "int"

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        x.fixed(self.dim)
        axis = self.dim % len(x)
        return Shape(*x[:axis], *((1,) if self.keepdim else ()), *x[axis + 1 :])

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=cls(1), shapes=((5, 4),))
        yield Sample(op=cls(-1, keepdim=True), shapes=((4, 6),), values="whole")
        yield Sample(op=cls(1, select_last_index=True), shapes=((3, 6, 2, 2),), values="whole")
        yield Sample.of(cls(0), Shape(4, BATCH), batch=3, kinds=("int",))
        yield Sample(op=cls(1), shapes=((3, 4),), values="nan")
