"""Losses are operations: (prediction, target) -> scalar, the mean over the batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backproof.errors import UserError
from backproof.graph.op import Array, Kind, Loss, Sample, operation
from backproof.graph.shape import BATCH, Shape


@operation
@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """L = - 1/N Σₙ Σ꜀ q log softmax(x).   x: (N, C) logits   target: (N,) int labels   L: scalar.

    q = (1 - s) onehot(label) + s / C with label smoothing s, as PyTorch's `cross_entropy`.
    Fused, hence stable: dL/dx = (softmax(x) - q) / N.

    Attributes:
        label_smoothing: s in [0, 1), the share of the target spread over all classes (Szegedy et al. 2016).
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise UserError(f"label smoothing lies in [0, 1), not {self.label_smoothing}")

    def target(self, prediction: Shape) -> tuple[Shape, Kind]:
        """One class label a sample."""
        return Shape(prediction[0]), "int"

    def output_shape(self, *inputs: Shape) -> Shape:
        """A scalar."""
        logits, labels = inputs
        if len(logits) != 2 or labels != Shape(BATCH):
            raise UserError(f"SoftmaxCrossEntropy takes logits (N, classes) and labels (N,), not {logits} and {labels}")
        return Shape()

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """With and without smoothing, one sample, two classes."""
        yield Sample(op=SoftmaxCrossEntropy(), shapes=((5, 4), (5,)))
        yield Sample(op=SoftmaxCrossEntropy(), shapes=((1, 2), (1,)))
        yield Sample(op=SoftmaxCrossEntropy(label_smoothing=0.1), shapes=((6, 3), (6,)))

    def draw_inputs(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
        """Logits and labels."""
        logits, labels = shapes
        return rng.standard_normal(logits), rng.integers(0, logits[1], labels)


@operation
@dataclass(frozen=True)
class MSE(Loss):
    """L = mean (x - t)² over all elements.   x, t: (N, ...)   dL/dx = 2 (x - t) / (number of elements)."""

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
        """A matrix, one element, images."""
        for shape in ((4, 3), (1, 1), (2, 3, 2, 2)):
            yield Sample(op=MSE(), shapes=(shape, shape))
