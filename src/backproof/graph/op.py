"""What an operation must declare. The operations themselves are in `backproof.ops`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from inspect import isclass
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from backproof.errors import ModelError
from backproof.graph.shape import BATCH, Shape
from backproof.registry import Registry

Kind = Literal["float", "int", "bool"]
"""What a value holds: numbers of the engine's dtype, whole numbers such as labels (int64), or truth values (bool).

Gradients flow into floats alone.
"""

LETTERS: Mapping[Kind, str] = {"float": "f", "int": "iu", "bool": "b"}
"""NumPy's dtype letters of each kind."""

Values = Literal["normal", "whole", "negative", "far", "displaced", "infinite", "lowest", "nan", "infinite weight"]
"""How a sample's float inputs are drawn; see `Sample`."""

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class ParameterSpec:
    """One parameter of an operation.

    Attributes:
        shape: canonical layout, as PyTorch's (`Linear` (out, in)).
        fan_in: inputs that feed one output unit; the initializers scale by it.
        fan_out: outputs that one input unit feeds.
        initializer: its name in `backproof.graph.initializers`; None leaves the choice to the run.
        trainable: False for state such as running statistics, which no optimizer touches.
        decay: whether weight decay applies by default (weights yes; biases, scales and shifts no).
    """

    shape: tuple[int, ...]
    fan_in: int = 1
    fan_out: int = 1
    initializer: str | None = None
    trainable: bool = True
    decay: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One case on which an operation is tested in every engine.

    Attributes:
        op: the operation with its attributes.
        shapes: the shapes of its inputs, with the batch first.
        constants: places of the inputs without a batch axis.
        symbolic: the shapes in a network, one an input, where the batch stands elsewhere than first; `of` fills it.
        kinds: what the inputs hold, if not what the operation draws: of floats drawn, whole numbers or truth values.
        training: the mode of the pass.
        values: "normal" inputs are what the operation draws. "whole" ones are those rounded to whole numbers, so that
            some are equal and some lie on kinks, exactly so in every dtype. "negative": of the other sign. "far" ones
            are a thousand times as large, where exponentials overflow; probabilities stay what they are. "displaced":
            50 is added to each number, so that digits are lost where squares are subtracted. "infinite": one number of
            the first input is ∞, and must not reach where it has no part. "lowest": all of the first input's last
            sample are -∞.
            "nan": three numbers of the first input are none. "infinite weight": one number of the first parameter is ∞.
    """

    op: "Op"
    shapes: tuple[tuple[int, ...], ...]
    training: bool = True
    values: Values = "normal"
    constants: tuple[int, ...] = ()
    symbolic: tuple[Shape, ...] = ()
    kinds: tuple[Kind, ...] = ()

    @classmethod
    def of(cls, op: "Op", *shapes: Shape, batch: int = 2, **options: Any) -> "Sample":
        """A sample on inputs of these shapes in a network, where the batch may stand at any axis, or nowhere."""
        return cls(op=op, shapes=tuple(shape.bind(batch) for shape in shapes), symbolic=shapes, **options)

    @property
    def declared(self) -> tuple[Shape, ...]:
        """The shapes of the inputs in a network."""
        if self.symbolic:
            return self.symbolic
        return tuple(Shape(*s) if i in self.constants else Shape("N", *s[1:]) for i, s in enumerate(self.shapes))

    @property
    def batch(self) -> int:
        """The number of samples."""
        batches = (shape.batch_in(bound) for shape, bound in zip(self.declared, self.shapes, strict=True))
        return max((n or 1 for n in batches), default=1)

    @property
    def batch_first(self) -> bool:
        """Whether each input but the constants has one sample after the other along its first axis."""
        return all(shape[:1] == (BATCH,) for i, shape in enumerate(self.declared) if i not in self.constants)

    def resized(self, batch: int, size: Callable[[int], int]) -> "Sample":
        """The sample on another batch, and on `size` of each other dimension."""
        declared = [Shape(*(size(d) if isinstance(d, int) else d for d in shape)) for shape in self.declared]
        shapes = tuple(shape.bind(batch) for shape in declared)
        return replace(self, shapes=shapes, symbolic=tuple(declared) if self.symbolic else ())

    def inputs(self, rng: np.random.Generator) -> tuple[Array, ...]:
        """Draw inputs: float64, or int64 and bool where the operation or `kinds` wants them."""
        drawn = self.draw(rng)
        if self.finite:
            return tuple(self._as_wanted(i, x) for i, x in enumerate(drawn))
        first = drawn[0].copy()
        if self.values == "infinite":
            first.flat[rng.integers(first.size)] = np.inf
        elif self.values == "nan":
            first.flat[rng.integers(first.size, size=3)] = np.nan
        elif self.values == "lowest":
            first[-1] = -np.inf
        return first, *drawn[1:]

    def draw(self, rng: np.random.Generator) -> tuple[Array, ...]:
        """What the operation draws, of the kinds that the sample wants."""
        drawn = tuple(map(np.asarray, self.op.draw_inputs(rng, *self.shapes)))
        return tuple(of_kind(kind, x) for kind, x in zip(self.kinds, drawn, strict=True)) if self.kinds else drawn

    @property
    def finite(self) -> bool:
        """Whether all inputs are finite numbers."""
        return self.values not in ("infinite", "lowest", "nan", "infinite weight")

    def _as_wanted(self, place: int, x: Array) -> Array:
        if self.values == "normal" or x.dtype.kind != "f":
            return x
        if self.values == "whole":
            return np.round(x)
        if self.values == "displaced":
            return x + 50
        if self.values == "negative":
            return -x
        return x if place in self.op.probabilities else 1000 * x

    def __str__(self) -> str:
        mode = "train" if self.training else "eval"
        values = "" if self.values == "normal" else f", {self.values} values"
        shapes = f" on {', '.join(map(str, self.symbolic or self.shapes))}" if self.shapes else ""
        kinds = f" of {', '.join(self.kinds)}" if self.kinds else ""
        return f"{self.op}{shapes}{kinds} [{mode}{values}]"


def kind_of(array: Array) -> Kind:
    """What an array holds."""
    return next((kind for kind, letters in LETTERS.items() if array.dtype.kind in letters), "float")


def of_kind(kind: Kind, x: Array) -> Array:
    """Drawn floats as values of a kind: whole numbers from about -6 to 6, or True where x > 0."""
    if kind == kind_of(x):
        return x
    return np.asarray(np.round(2 * x).astype(np.int64) if kind == "int" else x > 0)


@dataclass(frozen=True)
class Op:
    """What an operation is: attributes (the dataclass fields), shape rule, parameters, sample inputs.

    Declared once and computed by every engine's kernel of the same class name.
    """

    arity: ClassVar[int] = 1
    """Number of inputs; -1 for any number from one up."""

    probabilities: ClassVar[tuple[int, ...]] = ()
    """Places of the inputs that lie between 0 and 1."""

    indices: ClassVar[tuple[int, ...]] = ()
    """Places of the inputs of whole numbers that say which one of several: one that is too large is refused."""

    def output_shape(self, *inputs: Shape) -> Shape:
        """The shape of the output. Raises `UserError` for inputs that do not fit."""
        raise NotImplementedError(f"{type(self).__name__} has no method output_shape")

    def kind_of(self, *kinds: Kind) -> Kind:
        """What the output holds, from what the inputs hold. Raises `UserError` for kinds that the operation refuses."""
        self.require_kinds(kinds, "float")
        return "float"

    def require_kinds(self, kinds: Sequence[Kind], *accepted: Kind) -> Kind:
        """The kind of all inputs. Raises `UserError` unless all are of one, which is among those `accepted`."""
        if any(kind not in accepted or kind != kinds[0] for kind in kinds):
            takes = " or ".join(f"{kind}s" for kind in accepted)
            of_one = " of one kind" if len(accepted) > 1 and len(kinds) > 1 else ""
            raise ModelError(f"{type(self).__name__} takes {takes}{of_one}, not {' and '.join(kinds)}; Cast converts")
        return kinds[0] if kinds else accepted[0]

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:  # noqa: ARG002
        """The parameters by local name (`weight`, `bias`, ...)."""
        return {}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """Cases that drive the generated tests in every engine."""
        raise NotImplementedError

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        """Inputs for a test: standard normal, float64."""
        return tuple(rng.standard_normal(shape) for shape in shapes)

    def attributes(self) -> dict[str, Any]:
        """The attributes as plain JSON values, without those that came `later` and are at their defaults."""
        unsaid = {f.name for f in fields(self) if "later" in f.metadata and getattr(self, f.name) == f.default}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if k not in unsaid}

    def __str__(self) -> str:
        given = [
            f"{getattr(self, f.name)}" if f.default is MISSING else f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"


Value = TypeVar("Value")


def later(default: Value) -> Value:
    """An attribute that an operation got after networks with it had been written; its default is left out of JSON.

    So those networks keep their hashes, and an older program can read the new ones that do not use it.
    """
    return field(default=default, metadata={"later": True})


@dataclass(frozen=True)
class Loss(Op):
    """An operation on (prediction, target) whose output is the scalar that training minimises.

    One that `weighs_samples` takes their weights, (N,), as a third input.
    """

    arity: ClassVar[int] = 2

    inside: ClassVar[tuple[type[Op], ...]] = ()
    """What the loss does to the prediction first; a network that ends in one of these would do it twice."""

    @property
    def weighs_samples(self) -> bool:
        """Whether it takes weights of samples."""
        return False

    def kind_of(self, *kinds: Kind) -> Kind:  # noqa: ARG002
        """A number: the target may be of any kind."""
        return "float"

    def target(self, prediction: Shape) -> tuple[Shape, Kind]:
        """Shape and kind of the target that belongs to a prediction."""
        raise NotImplementedError(f"{type(self).__name__} has no method target")


AnyOp = TypeVar("AnyOp", bound=Op)

OPERATIONS: Registry[type[Op]] = Registry("operation", lambda part: isclass(part) and issubclass(part, Op))
"""Every declared operation by name; the checks, the engines and the docs find operations here."""


def operation(cls: type[AnyOp]) -> type[AnyOp]:
    """Class decorator: put an operation into the registry."""
    OPERATIONS.add(cls.__name__, cls)
    return cls


class UnknownOp(Op):
    """An operation of a kept network that a user wrote, whose code is not at hand: it can be shown, not computed."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_attributes", dict(attributes))

    @classmethod
    def called(cls, name: str, attributes: Mapping[str, Any], *, loss: bool) -> "UnknownOp":
        """One of a class of that name, so that whoever goes by the names of classes still can."""
        op: UnknownOp = type(name, (cls, Loss) if loss else (cls,), {})(attributes)
        return op

    def kind_of(self, *kinds: Kind) -> Kind:  # noqa: ARG002
        return "float"

    def attributes(self) -> dict[str, Any]:
        return dict(self._attributes)  # type: ignore[attr-defined]  # a frozen dataclass

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in self.attributes().items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnknownOp) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def op_from_attributes(name: str, attributes: Mapping[str, Any]) -> Op:
    """Make the operation `name` from JSON attributes. Raises `UserError` for an unknown name or attribute."""
    op = OPERATIONS.require(name)
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in attributes.items()}
    try:
        return op(**values)
    except TypeError as error:
        raise ModelError(f"operation '{name}' cannot be made from {dict(attributes)}: {error}") from error
