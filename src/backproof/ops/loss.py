"""Losses are operations: (prediction, target) -> scalar, the mean over the batch unless said otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from backproof.errors import UserError, unknown
from backproof.graph.op import Array, Kind, Loss, Sample, operation
from backproof.graph.shape import Shape

Reduction = Literal["mean", "sum"]


def _require_reduction(op: Loss, reduction: str) -> None:
    if reduction not in get_args(Reduction):
        raise unknown(f"reduction of {type(op).__name__}", reduction, get_args(Reduction))


@dataclass(frozen=True)
class GrownLoss(Loss):
    """A loss that was there before some of its attributes: where those are at their defaults, they are not written.

    So a network has the hash that it had before, and an older program can read it.
    """

    LATER: ClassVar[tuple[str, ...]] = ("class_weights", "ignore_index", "reduction")

    def attributes(self) -> dict[str, Any]:
        """The attributes as plain JSON values."""
        default = {f.name: f.default for f in fields(self) if f.name in self.LATER}
        return {
            name: value
            for name, value in super().attributes().items()
            if name not in default or getattr(self, name) != default[name]
        }


@dataclass(frozen=True, kw_only=True)
class OfLabels(GrownLoss):
    """A loss of one row of classes for each label: a sample's, or a pixel's where the prediction is (N, C, H, W).

    Attributes:
        class_weights: w, how much a label of each class counts; None: all 1.
        ignore_index: the label that does not count; None: there is none. It need not be a class.
        reduction: "mean", weighted by w; or "sum".
    """

    takes: ClassVar[str]
    """What the prediction is called."""

    class_weights: tuple[float, ...] | None = None
    ignore_index: int | None = None
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _require_reduction(self, self.reduction)
        if self.class_weights is not None:
            object.__setattr__(self, "class_weights", tuple(float(w) for w in self.class_weights))

    @property
    def plain(self) -> bool:
        """Whether all labels count the same, and their mean is taken."""
        return self.class_weights is None and self.ignore_index is None and self.reduction == "mean"

    def target(self, prediction: Shape) -> tuple[Shape, Kind]:
        """One class label a sample, or a pixel."""
        return Shape(prediction[0], *prediction[2:]), "int"

    def output_shape(self, *inputs: Shape) -> Shape:
        """A scalar."""
        prediction, labels = inputs
        name = type(self).__name__
        if len(prediction) < 2 or labels != Shape(prediction[0], *prediction[2:]):
            raise UserError(
                f"{name} takes {self.takes} (N, classes) and labels (N,), or (N, classes, H, W) and (N, H, W), not "
                f"{prediction} and {labels}"
            )
        if self.class_weights is not None and len(self.class_weights) != prediction[1]:
            raise UserError(f"{name} takes {prediction[1]} class_weights, one a class, not {len(self.class_weights)}")
        return Shape()

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        """Normal numbers and labels, of which about a third is to be left out where some label is."""
        prediction, places = shapes
        labels = rng.integers(0, prediction[1], places)
        if self.ignore_index is not None:
            labels[rng.random(places) < 1 / 3] = self.ignore_index
            labels.flat[0] = (self.ignore_index + 1) % prediction[1]
        return rng.standard_normal(prediction), labels

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """Samples and pixels, rows, one sample; weights, a label left out inside and outside of the classes, a sum.

        And inputs that overflow an exponential.
        """
        yield Sample(op=cls(), shapes=((5, 4), (5,)))
        yield Sample(op=cls(), shapes=((1, 2), (1,)))
        yield Sample(op=cls(), shapes=((2, 3, 2, 4), (2, 2, 4)))
        yield Sample(op=cls(), shapes=((3, 2, 5), (3, 5)))
        yield Sample(op=cls(), shapes=((2, 2, 2, 1, 3), (2, 2, 1, 3)))
        yield Sample(op=cls(class_weights=(0.5, 2.0, 0.0, 1.5)), shapes=((6, 4), (6,)))
        yield Sample(op=cls(ignore_index=1), shapes=((6, 3), (6,)))
        yield Sample(op=cls(ignore_index=-100), shapes=((2, 3, 3, 2), (2, 3, 2)))
        yield Sample(op=cls(reduction="sum"), shapes=((4, 3), (4,)))
        yield Sample(op=cls(), shapes=((4, 3), (4,)), values="far")
        op = cls(class_weights=(0.5, 2.0, 1.5), ignore_index=2, reduction="sum")
        yield Sample(op=op, shapes=((2, 3, 3, 2), (2, 3, 2)))


@operation
@dataclass(frozen=True)
class SoftmaxCrossEntropy(OfLabels):
    """L = - 1/D Σₙ Σ꜀ q log softmax(x).   x: (N, C) logits   target: (N,) int labels   L: scalar.

    q = w[c] ((1 - s) onehot(label) + s / C) with class weights w and label smoothing s; D = Σₙ w[label], so N without
    weights, or 1 for the reduction "sum". What is left out counts in neither. As PyTorch's `cross_entropy`.
    Fused, hence stable: dL/dx = (softmax(x) Σ꜀ q - q) / D.

    Of images x is (N, C, H, W) and the target (N, H, W): one label a pixel, and n runs over all pixels.

    Attributes:
        label_smoothing: s in [0, 1), the share of the target spread over all classes (Szegedy et al. 2016).
        class_weights: w, how much a label of each class counts; None: all 1.
        ignore_index: the label that does not count; None: there is none. It need not be a class.
        reduction: "mean", weighted by w; or "sum".
    """

    takes: ClassVar[str] = "logits"

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.label_smoothing < 1:
            raise UserError(f"label smoothing lies in [0, 1), not {self.label_smoothing}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """Also with label smoothing, alone and with everything else."""
        yield from super().samples()
        yield Sample(op=cls(label_smoothing=0.1), shapes=((6, 3), (6,)))
        yield Sample(op=cls(label_smoothing=0.2), shapes=((2, 3, 2, 2), (2, 2, 2)))
        op = cls(label_smoothing=0.2, class_weights=(0.5, 2.0, 1.5), ignore_index=0)
        yield Sample(op=op, shapes=((2, 3, 3, 2), (2, 3, 2)))


@operation
@dataclass(frozen=True)
class NLLLoss(OfLabels):
    """L = - 1/D Σₙ w[label] x[n, label].   x: (N, C) log-probabilities   target: (N,) int labels   L: scalar.

    The negative log-likelihood, behind a LogSoftmax: both together are `SoftmaxCrossEntropy`. D = Σₙ w[label], so N
    without weights, or 1 for the reduction "sum". As PyTorch's `nll_loss`.   dL/dx[n, label] = - w[label] / D.

    Of images x is (N, C, H, W) and the target (N, H, W): one label a pixel, and n runs over all pixels.

    Attributes:
        class_weights: w, how much a label of each class counts; None: all 1.
        ignore_index: the label that does not count; None: there is none. It need not be a class.
        reduction: "mean", weighted by w; or "sum".
    """

    takes: ClassVar[str] = "log-probabilities"


@operation
@dataclass(frozen=True)
class MSE(GrownLoss):
    """L = mean (x - t)² over all elements.   x, t: (N, ...)   dL/dx = 2 (x - t) / (number of elements).

    Attributes:
        reduction: "mean"; or "sum", which divides neither L nor its gradient.
    """

    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _require_reduction(self, self.reduction)

    def target(self, prediction: Shape) -> tuple[Shape, Kind]:
        """A number for each number predicted."""
        return prediction, "float"

    def output_shape(self, *inputs: Shape) -> Shape:
        """A scalar."""
        prediction, target = inputs
        if prediction != target:
            raise UserError(f"MSE takes a prediction and a target of equal shape, not {prediction} and {target}")
        return Shape()

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """A matrix, one element, images; a sum."""
        for shape in ((4, 3), (1, 1), (2, 3, 2, 2)):
            yield Sample(op=MSE(), shapes=(shape, shape))
        yield Sample(op=MSE(reduction="sum"), shapes=((4, 3), (4, 3)))
