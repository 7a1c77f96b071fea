"""Losses are operations: (prediction, target) -> scalar. Here what all share, and those of a number for each number.

Every loss is a sum over samples, divided by how much of them counts:

    L = Σₙ sₙ lₙ / D        D = Σₙ sₙ uₙ for the reduction "mean", 1 for "sum"

with the loss lₙ of sample n, how much of it counts, uₙ (its elements, or the weights of its labels), and its weight sₙ,
1 unless the loss has `sample_weights`. So a weight of 2 is the same as the sample twice, and 0 as if it were not there,
as scikit-learn's estimators and metrics expect it (`numpy.average(losses, weights=sample_weight)`). Where nothing
counts, the mean is NaN.

    dL/dx = sₙ / D dlₙ/dx        dL/dsₙ = (lₙ - L uₙ) / D for the mean, lₙ for the sum
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar, get_args

import numpy as np

from backproof.errors import ModelError, unknown
from backproof.graph.op import Array, Kind, Loss, Op, Sample, later, operation
from backproof.graph.shape import Shape
from backproof.ops.activation import Sigmoid

Reduction = Literal["mean", "sum"]

MASKS = ((2, 3, 2, 2), (2, 3, 2, 2))
"""Shapes of a small sample of images or masks, and of its target."""


@dataclass(frozen=True, kw_only=True)
class ReducedLoss(Loss):
    """A mean or a sum over samples.

    Attributes:
        reduction: "mean"; or "sum", which divides neither L nor its gradient.
        sample_weights: whether a third input, (N,), says how much each sample counts: 0 or more, not all of them 0.
    """

    arity: ClassVar[int] = -1

    reduction: Reduction = later("mean")
    sample_weights: bool = later(False)

    def __post_init__(self) -> None:
        if self.reduction not in get_args(Reduction):
            raise unknown(f"reduction of {type(self).__name__}", self.reduction, get_args(Reduction), ModelError)

    @property
    def weighs_samples(self) -> bool:
        return self.sample_weights

    def output_shape(self, *inputs: Shape) -> Shape:
        name = type(self).__name__
        if len(inputs) != 2 + self.sample_weights:
            takes = "a prediction, a target and sample weights" if self.sample_weights else "a prediction and a target"
            raise ModelError(f"{name} takes {takes}, not {len(inputs)} inputs")
        self.require_fit(*inputs[:2])
        if self.sample_weights and inputs[2] != Shape(inputs[0][0]):
            raise ModelError(f"{name} takes one weight a sample, {Shape(inputs[0][0])}, not {inputs[2]}")
        return Shape()

    def require_fit(self, prediction: Shape, target: Shape) -> None:
        """Raise `UserError` for a prediction and a target that do not belong together."""
        raise NotImplementedError

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        drawn = self.draw_pair(rng, *shapes[:2])
        if not self.sample_weights:
            return drawn
        weights = rng.uniform(0.5, 1.5, shapes[2])
        weights[1:2] = 0
        return *drawn, weights

    def draw_pair(self, rng: np.random.Generator, x: tuple[int, ...], t: tuple[int, ...]) -> tuple[Array, Array]:
        """A prediction and a target for a test."""
        return rng.standard_normal(x), rng.standard_normal(t)


AnyLoss = TypeVar("AnyLoss", bound=ReducedLoss)


@dataclass(frozen=True)
class ElementWiseLoss(ReducedLoss):
    """A prediction and a target of equal shape, (N, ...); lₙ sums over the elements of a sample, uₙ is their number.

    Both may be scalars too, unless samples are kept apart.
    """

    tells_samples: ClassVar[bool] = False
    """Whether the loss is not one of each element by itself."""

    def target(self, prediction: Shape) -> tuple[Shape, Kind]:
        return prediction, "float"

    def require_fit(self, prediction: Shape, target: Shape) -> None:
        if prediction != target or (not prediction and (self.tells_samples or self.sample_weights)):
            name = type(self).__name__
            raise ModelError(f"{name} takes a prediction and a target of equal shape, not {prediction} and {target}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for shape in ((4, 3), (1, 1), (2, 3, 2, 2)):
            yield Sample(op=cls(), shapes=(shape, shape))
        yield Sample(op=cls(reduction="sum"), shapes=((4, 3), (4, 3)))
        yield Sample(op=cls(sample_weights=True), shapes=((4, 3), (4, 3), (4,)))
        yield Sample(op=cls(sample_weights=True, reduction="sum"), shapes=(*MASKS, (2,)))


AnyElementWise = TypeVar("AnyElementWise", bound=ElementWiseLoss)


@operation
@dataclass(frozen=True)
class MSE(ElementWiseLoss):
    """L = mean (x - t)² over all elements.   x, t: (N, ...)   dL/dx = 2 (x - t) / (number of elements)."""

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample.of(cls(), Shape(), Shape())
        yield Sample.of(cls(), Shape(3, "2N"), Shape(3, "2N"))


@operation
@dataclass(frozen=True)
class L1(ElementWiseLoss):
    """L = mean |x - t| over all elements.   x, t: (N, ...)   dL/dx = sign(x - t) / (number of elements).

    sign(0) = 0, as in PyTorch's `l1_loss`.
    """

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(), shapes=((6, 5), (6, 5)), values="whole")


@operation
@dataclass(frozen=True)
class SmoothL1(ElementWiseLoss):
    """L = mean of d² / (2 β) where |d| < β, else |d| - β / 2;   d = x - t.   x, t: (N, ...).

    Near the target as MSE, far from it as L1: the loss of Girshick 2015 (Fast R-CNN), β times smaller than Huber's. As
    PyTorch's `smooth_l1_loss`.   dL/dx = (d / β or sign d) / (number of elements).

    Attributes:
        beta: β > 0, where the one becomes the other. For 0 take `L1`.
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.beta > 0:
            raise ModelError(f"SmoothL1's beta is above 0, not {self.beta}; L1 is what it becomes at 0")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(beta=0.3), shapes=((5, 4), (5, 4)))
        yield Sample(op=cls(beta=2.0), shapes=((6, 5), (6, 5)), values="whole")
        yield Sample(op=cls(), shapes=((4, 3), (4, 3)), values="far")


@dataclass(frozen=True)
class ProbabilityLoss(ElementWiseLoss):
    """Logits, and for each of them the probability that it is to say, from 0 to 1."""

    probabilities: ClassVar[tuple[int, ...]] = (1,)
    inside: ClassVar[tuple[type[Op], ...]] = (Sigmoid,)

    def draw_pair(self, rng: np.random.Generator, x: tuple[int, ...], t: tuple[int, ...]) -> tuple[Array, Array]:
        return rng.standard_normal(x), rng.uniform(0, 1, t)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(), shapes=MASKS, values="whole")
        yield Sample(op=cls(), shapes=((4, 3), (4, 3)), values="far")


@operation
@dataclass(frozen=True)
class BCEWithLogits(ProbabilityLoss):
    """L = - mean (P t log σ(x) + (1 - t) log(1 - σ(x))) over all elements.   x: (N, ...) logits   t: (N, ...) in 0..1.

    Binary cross-entropy, one question an element, with σ inside, so that no log meets a 0; as PyTorch's
    `binary_cross_entropy_with_logits`. With softplus(-x) = log(1 + e⁻ˣ) = max(-x, 0) + log(1 + e^-|x|):

        l = (1 - t) x + (1 + (P - 1) t) softplus(-x)        dl/dx = (1 + (P - 1) t) σ(x) - P t
                                                            dl/dt = (P - 1) softplus(-x) - x
    Attributes:
        pos_weight: P > 0, how much a positive counts: one number, or one a channel (axis 1). It does not enter the
            number of elements that the mean divides by.
    """

    pos_weight: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.pos_weight
        weights = tuple(map(float, given if isinstance(given, tuple) else (given,)))
        if not weights or not all(0 < w < float("inf") for w in weights):
            raise ModelError(f"BCEWithLogits' pos_weight is above 0, not {given}")
        object.__setattr__(self, "pos_weight", weights if isinstance(given, tuple) else weights[0])

    def require_fit(self, prediction: Shape, target: Shape) -> None:
        super().require_fit(prediction, target)
        if isinstance(self.pos_weight, tuple) and (len(prediction) < 2 or len(self.pos_weight) != prediction[1]):
            raise ModelError(f"BCEWithLogits has one pos_weight a channel of {prediction}, not {len(self.pos_weight)}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(3.0), shapes=((5, 4), (5, 4)))
        yield Sample(op=cls((0.5, 2.0, 4.0)), shapes=MASKS)
        yield Sample(op=cls((0.5, 2.0, 4.0), sample_weights=True), shapes=((4, 3), (4, 3), (4,)))
        yield Sample(op=cls(2.0), shapes=((4, 3), (4, 3)), values="far")


@operation
@dataclass(frozen=True)
class SoftDice(ProbabilityLoss):
    """L = mean over samples of 1 - d,   d = (2 Σ p t + ε) / (Σ p² + Σ t² + ε),   p = σ(x).

    x: (N, ...) logits, σ is inside   t: (N, ...) masks in 0..1. One overlap d a sample, over all its elements; uₙ is 1.
    With ε = 0 the loss of Milletari et al. 2016 (V-Net), eq. 3, whose squares it keeps; ε makes an empty mask well
    found where nothing is predicted.

        dl/dp = -2 (t - d p) / (Σ p² + Σ t² + ε)        dl/dx = p (1 - p) dl/dp
        dl/dt = -2 (p - d t) / (Σ p² + Σ t² + ε)

    Attributes:
        smooth: ε >= 0.
    """

    tells_samples: ClassVar[bool] = True

    smooth: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.smooth >= 0:
            raise ModelError(f"SoftDice's smooth is 0 or more, not {self.smooth}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(0.0), shapes=MASKS)
        yield Sample(op=cls(0.1, sample_weights=True), shapes=((4, 3), (4, 3), (4,)))
