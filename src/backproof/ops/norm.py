"""Normalisation."""

from collections.abc import Iterator
from dataclasses import dataclass

from backproof.errors import UserError
from backproof.graph.op import Op, ParameterSpec, Sample, operation
from backproof.graph.shape import Shape


@operation
@dataclass(frozen=True)
class BatchNorm(Op):
    """y = γ (x - μ) / √(σ² + ε) + β, one μ and σ² a feature (axis 1).   Ioffe & Szegedy 2015.

    Training: μ and σ² are the batch's own (σ² biased, / n), and the running statistics move towards them,
    `running = (1 - momentum) running + momentum batch`, where the running variance takes the unbiased
    σ² (/ (n - 1)).   Evaluation: μ and σ² are the running ones.   All as PyTorch's `BatchNorm1d`.

    Attributes:
        momentum: the share of the new batch in the running statistics.
        eps: ε, added to the variance.
    """

    momentum: float = 0.1
    eps: float = 1e-5

    def __post_init__(self) -> None:
        if not 0 <= self.momentum <= 1:
            raise UserError(f"BatchNorm's momentum lies between 0 and 1, not {self.momentum}")

    def output_shape(self, *inputs: Shape) -> Shape:
        """As the input, which needs a feature axis."""
        (x,) = inputs
        if len(x) != 2:
            raise UserError(f"BatchNorm takes an input of shape (N, features), not {x}")
        return x

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:
        """Weight γ, bias β, and the running statistics, which no optimizer touches; each of shape (features,)."""
        shape = (int(inputs[0][1]),)
        return {
            "weight": ParameterSpec(shape=shape, initializer="ones"),
            "bias": ParameterSpec(shape=shape, initializer="zeros"),
            "running_mean": ParameterSpec(shape=shape, initializer="zeros", trainable=False),
            "running_var": ParameterSpec(shape=shape, initializer="ones", trainable=False),
        }

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """Both modes, two samples only, one feature, other momentum and ε."""
        yield Sample(op=BatchNorm(), shapes=((6, 3),))
        yield Sample(op=BatchNorm(), shapes=((6, 3),), training=False)
        yield Sample(op=BatchNorm(), shapes=((1, 3),), training=False)
        yield Sample(op=BatchNorm(), shapes=((4, 1),))
        yield Sample(op=BatchNorm(momentum=0.3, eps=1e-2), shapes=((5, 4),))
