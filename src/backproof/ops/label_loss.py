"""Losses of one label out of C classes: a sample's, or a pixel's where the prediction is (N, C, H, W)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from backproof.errors import ModelError
from backproof.graph.op import Array, Kind, Op, Sample, later, operation
from backproof.graph.shape import Shape
from backproof.ops.activation import LogSoftmax, Softmax
from backproof.ops.loss import ReducedLoss


@dataclass(frozen=True, kw_only=True)
class LabelLoss(ReducedLoss):
    """x: (N, C) and int labels (N,); or (N, C, H, W) and (N, H, W): one row of classes for each label.

    lₙ sums the losses of a sample's labels, each times the weight w of its class; uₙ sums those weights.

    Attributes:
        class_weights: w, how much a label of each class counts; None: all 1.
        ignore_index: the label that does not count; None: there is none. It need not be a class.
        reduction: "mean", weighted by w; or "sum".
        sample_weights: see `ReducedLoss`.
    """

    takes: ClassVar[str]
    """What the prediction is called."""

    class_weights: tuple[float, ...] | None = later(None)
    ignore_index: int | None = later(None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_weights is not None:
            object.__setattr__(self, "class_weights", tuple(float(w) for w in self.class_weights))

    @property
    def plain(self) -> bool:
        """Whether all labels count the same, and their mean is taken."""
        unweighted = self.class_weights is None and not self.sample_weights
        return unweighted and self.ignore_index is None and self.reduction == "mean"

    def target(self, prediction: Shape) -> tuple[Shape, Kind]:
        return Shape(prediction[0], *prediction[2:]), "int"

    def require_fit(self, prediction: Shape, target: Shape) -> None:
        name = type(self).__name__
        if len(prediction) < 2 or target != Shape(prediction[0], *prediction[2:]):
            raise ModelError(
                f"{name} takes {self.takes} (N, classes) and labels (N,), or (N, classes, H, W) and (N, H, W), not "
                f"{prediction} and {target}"
            )
        if self.class_weights is not None and len(self.class_weights) != prediction[1]:
            raise ModelError(f"{name} takes {prediction[1]} class_weights, one a class, not {len(self.class_weights)}")

    def draw_pair(self, rng: np.random.Generator, x: tuple[int, ...], t: tuple[int, ...]) -> tuple[Array, Array]:
        """Normal numbers and labels, of which about a third are ignored where some label is."""
        labels = rng.integers(0, x[1], t)
        if self.ignore_index is not None:
            labels[rng.random(t) < 1 / 3] = self.ignore_index
            labels.flat[0] = (self.ignore_index + 1) % x[1]
        return rng.standard_normal(x), labels

    @classmethod
    def samples(cls) -> Iterator[Sample]:
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
        yield Sample(op=cls(sample_weights=True), shapes=((5, 4), (5,), (5,)))
        op = cls(class_weights=(0.5, 2.0, 1.5), ignore_index=2, sample_weights=True)
        yield Sample(op=op, shapes=((3, 3, 3, 2), (3, 3, 2), (3,)))
        yield Sample(op=cls(sample_weights=True, reduction="sum"), shapes=((4, 3), (4,), (4,)))


AnyLabelLoss = TypeVar("AnyLabelLoss", bound=LabelLoss)


@operation
@dataclass(frozen=True)
class SoftmaxCrossEntropy(LabelLoss):
    """L = - 1/D Σₙ Σ꜀ q log softmax(x).   x: (N, C) logits   target: (N,) int labels   L: scalar.

    q = w[c] ((1 - s) onehot(label) + s / C) with class weights w and label smoothing s; D = Σₙ w[label], so N without
    weights, or 1 for the reduction "sum". What is ignored counts in neither. As PyTorch's `cross_entropy`.
    Fused, hence stable: dL/dx = (softmax(x) Σ꜀ q - q) / D.

    Attributes:
        label_smoothing: s in [0, 1), the share of the target spread over all classes (Szegedy et al. 2016).
    """

    takes: ClassVar[str] = "logits"
    inside: ClassVar[tuple[type[Op], ...]] = (Softmax, LogSoftmax)

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.label_smoothing < 1:
            raise ModelError(f"label smoothing lies in [0, 1), not {self.label_smoothing}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(label_smoothing=0.1), shapes=((6, 3), (6,)))
        yield Sample(op=cls(label_smoothing=0.2), shapes=((2, 3, 2, 2), (2, 2, 2)))
        op = cls(label_smoothing=0.2, class_weights=(0.5, 2.0, 1.5), ignore_index=0)
        yield Sample(op=op, shapes=((2, 3, 3, 2), (2, 3, 2)))


@operation
@dataclass(frozen=True)
class NLLLoss(LabelLoss):
    """L = - 1/D Σₙ w[label] x[n, label].   x: (N, C) log-probabilities   target: (N,) int labels   L: scalar.

    The negative log-likelihood, behind a LogSoftmax: both together are `SoftmaxCrossEntropy`. D = Σₙ w[label], so N
    without weights, or 1 for the reduction "sum". As PyTorch's `nll_loss`.   dL/dx[n, label] = - w[label] / D.
    """

    takes: ClassVar[str] = "log-probabilities"


@operation
@dataclass(frozen=True)
class Hinge(LabelLoss):
    """L = 1/D Σₙ w[label] / C Σ max(0, m + x[n, c] - x[n, label])ᵖ over the classes c other than the label.

    x: (N, C) scores   target: (N,) int labels   L: scalar. The multi-class hinge of Weston & Watkins 1999, which adds
    up all classes that come too near (Crammer & Singer 2001 take the worst alone), divided by C, as PyTorch's
    `multi_margin_loss`; but with class weights D is Σₙ w[label] here, and N there. At the hinge the derivative is 0.

        h = m + x[n, c] - x[n, label] > 0:    dl/dx[n, c] = w p hᵖ⁻¹ / C    dl/dx[n, label] = the negative sum of those

    Attributes:
        margin: m, by how much the label is to lead.
        p: 1, or 2 for the squared hinge.
    """

    takes: ClassVar[str] = "scores"

    margin: float = 1.0
    p: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.p not in (1, 2):
            raise ModelError(f"Hinge's p is 1 or 2, not {self.p}")

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample(op=cls(), shapes=((6, 4), (6,)), values="whole")
        yield Sample(op=cls(0.3, 2), shapes=((5, 4), (5,)))
        yield Sample(op=cls(2.0, 2, class_weights=(0.5, 2.0, 1.5)), shapes=((2, 3, 2, 2), (2, 2, 2)))
