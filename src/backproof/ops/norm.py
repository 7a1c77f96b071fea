"""Normalisation: over the batch, over a sample, over groups of channels."""

from collections.abc import Iterator
from dataclasses import dataclass

from backproof.errors import ModelError
from backproof.graph.op import Op, ParameterSpec, Sample, operation
from backproof.graph.shape import Shape


def _affine(shape: tuple[int, ...], *, bias: bool = True) -> dict[str, ParameterSpec]:
    """γ, which starts at 1, and β, which starts at 0."""
    weight = {"weight": ParameterSpec(shape=shape, initializer="ones")}
    return weight | {"bias": ParameterSpec(shape=shape, initializer="zeros")} if bias else weight


@operation
@dataclass(frozen=True)
class BatchNorm(Op):
    """y = γ (x - μ) / √(σ² + ε) + β, one μ and σ² a channel (axis 1).   Ioffe & Szegedy 2015.

    x, y: (N, C) or (N, C, H, W).   Training: μ and σ² are the batch's own, over all axes but 1 (σ² biased, / n), and
    the running statistics move towards them, `running = (1 - momentum) running + momentum batch`, where the running
    variance takes the unbiased σ² (/ (n - 1)).   Evaluation: μ and σ² are the running ones.   All as PyTorch's
    `BatchNorm1d` and `BatchNorm2d`.

        dβ = Σ dy     dγ = Σ dy x̂     dx = γ / √(σ² + ε) · (dy - dβ / n - x̂ dγ / n)     x̂ = (x - μ) / √(σ² + ε)

    Attributes:
        momentum: the share of the new batch in the running statistics; None for 1 / (batches so far), which makes
            them the plain mean over all batches.
        eps: ε, added to the variance.
    """

    momentum: float | None = 0.1
    eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.momentum is not None and not 0 <= self.momentum <= 1:
            raise ModelError(f"BatchNorm's momentum lies between 0 and 1 or is None, not {self.momentum}")
        if not self.eps > 0:
            raise ModelError(f"BatchNorm's eps is above 0, not {self.eps}")

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if len(x) < 2:
            raise ModelError(f"BatchNorm takes an input of shape (N, features) or (N, C, H, W), not {x}")
        return x

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:
        """Weight γ and bias β, (C,); the running statistics, (C,), which no optimizer touches.

        With momentum None also `num_batches_tracked`, of shape (), a number of the same dtype as all others.
        """
        shape = (inputs[0].fixed(1),)
        state = {
            "running_mean": ParameterSpec(shape=shape, initializer="zeros", trainable=False),
            "running_var": ParameterSpec(shape=shape, initializer="ones", trainable=False),
        }
        if self.momentum is None:
            state["num_batches_tracked"] = ParameterSpec(shape=(), initializer="zeros", trainable=False)
        return _affine(shape) | state

    @staticmethod
    def require_values(count: int, node: str) -> None:
        """Raise `UserError` if a channel of the training batch has too few values for a variance."""
        if count < 2:
            raise ModelError(
                f"node '{node}': BatchNorm needs two values or more a channel in a training batch, not {count}; "
                f"choose a batch size that leaves no single sample over"
            )

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=BatchNorm(), shapes=((6, 3),))
        yield Sample(op=BatchNorm(), shapes=((6, 3),), training=False)
        yield Sample(op=BatchNorm(), shapes=((1, 3),), training=False)
        yield Sample(op=BatchNorm(), shapes=((4, 1),))
        yield Sample(op=BatchNorm(momentum=0.3, eps=1e-2), shapes=((5, 4),))
        yield Sample(op=BatchNorm(momentum=None), shapes=((5, 4),))
        yield Sample(op=BatchNorm(momentum=None), shapes=((5, 4),), training=False)
        yield Sample(op=BatchNorm(), shapes=((3, 2, 3, 4),))
        yield Sample(op=BatchNorm(), shapes=((3, 2, 3, 4),), training=False)
        yield Sample(op=BatchNorm(momentum=None), shapes=((2, 3, 5, 1),))
        yield Sample(op=BatchNorm(), shapes=((1, 2, 3, 3),))
        yield Sample(op=BatchNorm(), shapes=((4, 3, 1, 1),))
        yield Sample(op=BatchNorm(), shapes=((7, 3),), values="displaced")


@operation
@dataclass(frozen=True)
class LayerNorm(Op):
    """y = γ (x - μ) / √(σ² + ε) + β, where μ and σ² (biased) are over the last axes of each sample.   Ba et al. 2016.

    x, y: (..., *normalized_shape).   The batch plays no part, so training and evaluation are the same.   As
    PyTorch's.   With x̂ = (x - μ) / √(σ² + ε), and means over the same axes as μ:

        dβ = Σ dy     dγ = Σ dy x̂     dx = (γ dy - mean(γ dy) - x̂ mean(γ dy x̂)) / √(σ² + ε)

    Attributes:
        normalized_shape: the last dimensions of x, over which it is normalised: a number or a tuple.
        eps: ε, added to the variance.
        elementwise_affine: whether there are a γ and a β, each of shape `normalized_shape`.
        bias: whether there is a β, if there is a γ.
    """

    normalized_shape: int | tuple[int, ...]
    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.normalized_shape, int):
            object.__setattr__(self, "normalized_shape", (self.normalized_shape,))
        if not self.dimensions or min(self.dimensions) < 1:
            raise ModelError(f"LayerNorm's normalized_shape has dimensions of 1 or more, not {self.normalized_shape}")
        if not self.eps >= 0:
            raise ModelError(f"LayerNorm's eps is 0 or more, not {self.eps}")

    @property
    def dimensions(self) -> tuple[int, ...]:
        """`normalized_shape` as a tuple."""
        return self.normalized_shape if isinstance(self.normalized_shape, tuple) else (self.normalized_shape,)

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if x[-len(self.dimensions) :] != self.dimensions:
            ending = ", ".join(map(str, self.dimensions))
            raise ModelError(f"LayerNorm takes an input of shape (..., {ending}), not {x}")
        return x

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:  # noqa: ARG002
        """Weight γ and bias β, of `normalized_shape`."""
        return _affine(self.dimensions, bias=self.bias) if self.elementwise_affine else {}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=LayerNorm(5), shapes=((4, 5),))
        yield Sample(op=LayerNorm(3, eps=1e-2), shapes=((1, 3),))
        yield Sample(op=LayerNorm((3, 2, 4)), shapes=((2, 3, 2, 4),))
        yield Sample(op=LayerNorm((2, 4)), shapes=((2, 3, 2, 4),))
        yield Sample(op=LayerNorm(4), shapes=((2, 3, 2, 4),))
        yield Sample(op=LayerNorm(4), shapes=((2, 3, 4),))
        yield Sample(op=LayerNorm(5, bias=False), shapes=((4, 5),))
        yield Sample(op=LayerNorm((2, 4), elementwise_affine=False), shapes=((2, 3, 2, 4),))
        yield Sample(op=LayerNorm(5), shapes=((4, 5),), training=False)
        yield Sample(op=LayerNorm(5), shapes=((3, 5),), values="displaced")
        yield Sample(op=LayerNorm((3, 4)), shapes=((3, 4),), constants=(0,))
        yield Sample(op=LayerNorm((2, 3, 2)), shapes=((2, 3, 2),), constants=(0,))
        yield Sample.of(LayerNorm(4), Shape(3, "N", 4))
        yield Sample.of(LayerNorm((2, 3)), Shape("2N", 2, 3))


@operation
@dataclass(frozen=True)
class GroupNorm(Op):
    """y = γ (x - μ) / √(σ² + ε) + β, one μ and σ² (biased) a sample and group of channels.   Wu & He 2018.

    x, y: (N, C) or (N, C, H, W); group g has the channels g C/G to (g + 1) C/G - 1.   The batch plays no part, so
    training and evaluation are the same.   As PyTorch's.   dx, dγ and dβ are those of `LayerNorm`, by group.

    Attributes:
        num_groups: G, which divides C; 1 normalises over all channels, C over each by itself (instance norm).
        eps: ε, added to the variance.
        affine: whether there are a γ and a β, each of shape (C,).
    """

    num_groups: int
    eps: float = 1e-5
    affine: bool = True

    def __post_init__(self) -> None:
        if self.num_groups < 1:
            raise ModelError(f"GroupNorm needs 1 group or more, not {self.num_groups}")
        if not self.eps >= 0:
            raise ModelError(f"GroupNorm's eps is 0 or more, not {self.eps}")

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if len(x) < 2 or x.fixed(1) % self.num_groups:
            raise ModelError(
                f"GroupNorm({self.num_groups}) takes an input of shape (N, C, ...) with C a multiple of "
                f"{self.num_groups}, not {x}"
            )
        return x

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:
        """Weight γ and bias β, (C,)."""
        return _affine((inputs[0].fixed(1),)) if self.affine else {}

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=GroupNorm(2), shapes=((2, 4, 2, 3),))
        yield Sample(op=GroupNorm(1), shapes=((2, 3, 2, 2),))
        yield Sample(op=GroupNorm(3), shapes=((2, 3, 2, 3),))
        yield Sample(op=GroupNorm(2, eps=1e-2), shapes=((3, 6),))
        yield Sample(op=GroupNorm(1), shapes=((1, 4, 1, 1),))
        yield Sample(op=GroupNorm(2, affine=False), shapes=((2, 4, 2, 3),))
        yield Sample(op=GroupNorm(2), shapes=((2, 4, 2, 3),), training=False)
        yield Sample(op=GroupNorm(2), shapes=((2, 4, 2, 3),), values="displaced")


@operation
@dataclass(frozen=True)
class LocalResponseNorm(Op):
    """y[n,c] = x[n,c] s[n,c]^-β,   s[n,c] = k + α/n Σ x[n,j]² over the n = size channels j around c, at every place.

    x, y: (N, C, ...), with one spatial axis or more. The region of channel c begins at c - ⌊size / 2⌋; channels that do
    not exist are 0.   As PyTorch's; Krizhevsky et al. 2012, without the α / n.

        dx[n,j] = dy[n,j] s[n,j]^-β - 2 α β / n x[n,j] Σ dy[n,c] x[n,c] s[n,c]^(-β - 1)    over the c whose region has j

    Attributes:
        size: n, channels of a region.
        alpha: α.
        beta: β.
        k: k, `bias` in ONNX.
        more_after: where the size is even, whether a region has one channel more after c than before, as in ONNX.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    more_after: bool = False

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ModelError(f"LocalResponseNorm needs a size of 1 or more, not {self.size}")

    @property
    def before(self) -> int:
        """Channels of a region before its own."""
        return (self.size - 1) // 2 if self.more_after else self.size // 2

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if len(x) < 3:
            raise ModelError(f"LocalResponseNorm takes an input of shape (N, C, ...), not {x}")
        x.fixed(1)
        return x

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=LocalResponseNorm(3), shapes=((2, 4, 2, 3),))
        yield Sample(op=LocalResponseNorm(5, alpha=0.5, beta=0.6, k=2.0), shapes=((2, 7, 2, 1),))
        yield Sample(op=LocalResponseNorm(4, alpha=1.5), shapes=((1, 6, 3),))
        yield Sample(op=LocalResponseNorm(4, alpha=1.5, more_after=True), shapes=((1, 6, 3),))
        yield Sample(op=LocalResponseNorm(7, alpha=1.5), shapes=((2, 3, 2, 2),))
        yield Sample(op=LocalResponseNorm(1, alpha=2.0), shapes=((2, 1, 1, 2),))
