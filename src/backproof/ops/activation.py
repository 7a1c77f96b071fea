"""Activations: element by element, or along the class axis."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np

from backproof.errors import ModelError
from backproof.graph.op import Array, Op, Sample, later, operation
from backproof.graph.shape import BATCH, Shape

SHAPES = ((5, 4), (1, 1), (2, 3, 2, 2))


@dataclass(frozen=True)
class ElementWise(Op):
    """y has the shape of x; each element depends on its own alone."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for shape in SHAPES:
            yield Sample(op=cls(), shapes=(shape,))
        yield Sample(op=cls(), shapes=((6, 5),), values="whole")
        yield Sample(op=cls(), shapes=((4, 3),), values="far")


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


@operation
@dataclass(frozen=True)
class GELU(ElementWise):
    """y = x Φ(x), Φ the normal distribution function.   dy/dx = Φ(x) + x φ(x), φ its density.

    Hendrycks & Gimpel 2016.   With `approximate="tanh"` and u = √(2/π) (x + 0.044715 x³):   y = x (1 + tanh u) / 2,
    dy/dx = (1 + tanh u) / 2 + x (1 - tanh² u) u' / 2.   Both as PyTorch's.

    Attributes:
        approximate: "none", or "tanh".
    """

    approximate: str = "none"

    def __post_init__(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise ModelError(f"GELU's approximate is 'none' or 'tanh', not '{self.approximate}'")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=GELU("tanh"), shapes=((5, 4),))
        yield Sample(op=GELU("tanh"), shapes=((2, 3, 2, 2),))
        yield Sample(op=GELU("tanh"), shapes=((3, 2),), training=False)
        yield Sample(op=GELU(), shapes=((3, 2),), training=False)


@operation
@dataclass(frozen=True)
class SiLU(ElementWise):
    """y = x σ(x), σ(x) = 1 / (1 + e⁻ˣ).   dy/dx = σ(x) (1 + x (1 - σ(x))).   Also called swish."""


@dataclass(frozen=True)
class Wide(ElementWise):
    """An activation whose bends lie further out than standard normal inputs reach."""

    reach: ClassVar[float] = 1.0

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        """Normal inputs, `reach` times as wide."""
        return tuple(self.reach * x for x in super().draw_inputs(rng, *shapes))


@operation
@dataclass(frozen=True)
class Softplus(Wide):
    """y = log(1 + e^(β x)) / β, a smooth ReLU.   dy/dx = 1 / (1 + e^(-β x)).   Dugas et al. 2001.

    Where β x > threshold, y = x and dy/dx = 1, as PyTorch.

    Attributes:
        beta: β > 0; the larger, the sharper the bend.
        threshold: 0 or more; where β x is larger, the function is taken for straight.
    """

    reach: ClassVar[float] = 12.0

    beta: float = 1.0
    threshold: float = 20.0

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise ModelError(f"Softplus needs a beta above 0, not {self.beta}")
        if self.threshold < 0:
            raise ModelError(f"Softplus needs a threshold of 0 or more, not {self.threshold}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=Softplus(beta=3.0), shapes=((4, 3),))
        yield Sample(op=Softplus(beta=0.25, threshold=2.0), shapes=((4, 3),))


@operation
@dataclass(frozen=True)
class ELU(ElementWise):
    """y = x where x > 0, else α (eˣ - 1).   dy/dx = 1 or α eˣ; at 0 it is α, as PyTorch.   Clevert et al. 2015.

    Attributes:
        alpha: α; y tends to -α for very negative x.
    """

    alpha: float = 1.0

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=ELU(0.3), shapes=((4, 3),))


@dataclass(frozen=True)
class Clip(Wide):
    """y = x between two bounds, else the nearer bound.   dy/dx = 1 strictly between them, else 0, as PyTorch."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The lower and the upper one."""
        raise NotImplementedError


@operation
@dataclass(frozen=True)
class Hardtanh(Clip):
    """y = min(max(x, min_val), max_val).   dy/dx = 1 where min_val < x < max_val, else 0, as PyTorch.

    Attributes:
        min_val: the least y.
        max_val: the largest y.
    """

    min_val: float = -1.0
    max_val: float = 1.0

    def __post_init__(self) -> None:
        if self.min_val > self.max_val:
            raise ModelError(f"Hardtanh's min_val {self.min_val} must not be above its max_val {self.max_val}")

    @property
    def bounds(self) -> tuple[float, float]:
        return self.min_val, self.max_val

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=Hardtanh(0.5, 0.5), shapes=((4, 3),))
        yield Sample(op=Hardtanh(0.25, 0.75), shapes=((4, 3),))


@operation
@dataclass(frozen=True)
class ReLU6(Clip):
    """y = min(max(x, 0), 6).   dy/dx = 1 where 0 < x < 6, else 0, as PyTorch.   Krizhevsky 2010."""

    reach: ClassVar[float] = 6.0

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 6.0


@operation
@dataclass(frozen=True)
class SELU(ElementWise):
    """y = λ x where x > 0, else λ α (eˣ - 1).   dy/dx = λ or λ α eˣ; at 0 it is λ α, as PyTorch.

    With the defaults activations keep mean 0 and variance 1 from layer to layer.   Klambauer et al. 2017.

    Attributes:
        alpha: α.
        scale: λ, `gamma` in ONNX.
    """

    alpha: float = 1.6732632423543772
    scale: float = 1.0507009873554805

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=SELU(2.0, 3.0), shapes=((4, 3),))


@operation
@dataclass(frozen=True)
class CELU(ElementWise):
    """y = x where x > 0, else α (e^(x/α) - 1).   dy/dx = 1 or e^(x/α), which are equal at 0.   Barron 2017.

    Attributes:
        alpha: α > 0; y tends to -α for very negative x.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise ModelError(f"CELU needs an alpha above 0, not {self.alpha}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=CELU(0.3), shapes=((4, 3),))


@operation
@dataclass(frozen=True)
class Mish(ElementWise):
    """y = x t, t = tanh(log(1 + eˣ)).   dy/dx = t + x (1 - t²) σ(x), σ(x) = 1 / (1 + e⁻ˣ).   Misra 2020."""


@operation
@dataclass(frozen=True)
class Softsign(ElementWise):
    """y = x / (1 + |x|).   dy/dx = 1 / (1 + |x|)².   Bergstra et al. 2009."""


@operation
@dataclass(frozen=True)
class Hardsigmoid(Wide):
    """y = min(max(α x + β, 0), 1).   dy/dx = α where 0 < α x + β < 1, else 0, as PyTorch.   Courbariaux et al. 2015.

    Attributes:
        alpha: α; 1/6 is PyTorch's, 0.2 is ONNX' default.
        beta: β.
    """

    reach: ClassVar[float] = 3.0

    alpha: float = 1 / 6
    beta: float = 0.5

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=Hardsigmoid(0.2, 0.4), shapes=((4, 3),))


@operation
@dataclass(frozen=True)
class Hardswish(Wide):
    """y = x min(max(x + 3, 0), 6) / 6.   dy/dx = 0 where x <= -3, 1 where x >= 3, x / 3 + 1/2 between, as PyTorch.

    Howard et al. 2019.
    """

    reach: ClassVar[float] = 3.0


@operation
@dataclass(frozen=True)
class ThresholdedReLU(Wide):
    """y = x where x > α, else 0.   dy/dx = 1 or 0; at α it is 0, as PyTorch's `Threshold`.   Konda et al. 2014.

    Attributes:
        alpha: α.
    """

    alpha: float = 1.0

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=ThresholdedReLU(-0.5), shapes=((4, 3),))


@operation
@dataclass(frozen=True)
class Clamp(Wide):
    """y = min(max(x, min), max).   dy/dx = 1 where min <= x <= max, else 0: at a bound 1, where `Hardtanh` has 0.

    As PyTorch's `clamp`: where min > max, y is max.

    Attributes:
        min: the least y; None: no bound.
        max: the largest y; None: no bound.
    """

    min: float | None = None
    max: float | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The lower and the upper one, infinite where there is none."""
        return -inf if self.min is None else self.min, inf if self.max is None else self.max

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        for bounds in ((-1.0, 1.0), (0.0, None), (None, 0.0), (1.0, -1.0)):
            yield Sample(op=Clamp(*bounds), shapes=((6, 5),), values="whole")
        yield Sample(op=Clamp(0.25, 0.75), shapes=((2, 3, 2, 2),))


@dataclass(frozen=True)
class AlongAxis(ElementWise):
    """Normalises along one axis, as PyTorch's `dim`.

    Attributes:
        axis: 1, that of classes or channels; any but that of the batch, negative ones counted from the end.
    """

    axis: int = later(1)

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if not -len(x) <= self.axis < len(x) or not isinstance(x[self.axis], int):
            name, fixed = type(self).__name__, [axis for axis, dim in enumerate(x) if isinstance(dim, int)]
            possible = f"axes of a fixed size are {', '.join(map(str, fixed))}" if fixed else "it has no fixed axis"
            raise ModelError(f"{name} along axis {self.axis} does not fit {x}; {possible}")
        return x

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(axis=-1), shapes=((2, 3, 4),))
        yield Sample(op=cls(), shapes=((2, 3, 4),))
        yield Sample(op=cls(axis=2), shapes=((2, 3, 2, 4),))
        yield Sample(op=cls(axis=-1), shapes=((3, 4),))
        yield Sample(op=cls(axis=0), shapes=((3, 4),), constants=(0,))
        yield Sample.of(cls(axis=0), Shape(3))
        yield Sample.of(cls(axis=0), Shape(3, BATCH))
        yield Sample.of(cls(axis=-1), Shape(2, "2N", 3))


@operation
@dataclass(frozen=True)
class Softmax(AlongAxis):
    """y = eˣ / Σ eˣ along the axis.   dx = y (dy - Σ dy y)."""


@operation
@dataclass(frozen=True)
class LogSoftmax(AlongAxis):
    """y = x - log Σ eˣ along the axis.   dx = dy - eʸ Σ dy."""
