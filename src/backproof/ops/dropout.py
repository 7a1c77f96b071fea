"""Dropout, whose mask is the same bits in every engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from backproof.errors import ModelError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape


@dataclass(frozen=True)
class Dropping(Op):
    """Training: y = x m / (1 - p), m of zeros and ones; dx = dy m / (1 - p).   Evaluation: y = x.

    Attributes:
        p: probability that a part is dropped.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ModelError(f"{type(self).__name__}'s p lies in [0, 1), not {self.p}")

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def mask(self, shape: tuple[int, ...], seed: int, step: int, node: str) -> npt.NDArray[np.bool_]:
        """m for an input of canonical `shape`, broadcastable to it: True where x is kept.

        Drawn from (seed, step, node name) alone, so equal in every engine. The generator is counter-based (Philox):
        the key is the seed and the node, the counter is the step.
        """
        key = int.from_bytes(sha256(f"{seed}/dropout/{node}".encode()).digest()[:16], "little")
        rng = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, step, 0]))
        return rng.random(self.mask_shape(shape), dtype=np.float32) >= self.p

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One number for each part that is dropped or kept as a whole."""
        raise NotImplementedError


@operation
@dataclass(frozen=True)
class Dropout(Dropping):
    """Training: y = x m / (1 - p), each m 0 with probability p, else 1.   Evaluation: y = x.

    The inverted form of Srivastava et al. 2014, as PyTorch's.   dx = dy m / (1 - p).

    Attributes:
        p: probability that an element is dropped.
    """

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Every element by itself."""
        return shape

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Dropout(0.4), shapes=((6, 5),))
        yield Sample(op=Dropout(0.4), shapes=((6, 5),), training=False)
        yield Sample(op=Dropout(0.0), shapes=((3, 2),))
        yield Sample(op=Dropout(0.9), shapes=((2, 3, 4, 4),))


@operation
@dataclass(frozen=True)
class Dropout2d(Dropping):
    """Dropout of whole channels of images: one m for each (n, c).   Tompson et al. 2015, as PyTorch's.

    x, y: (N, C, H, W).   Training: y = x m / (1 - p), dx = dy m / (1 - p).   Evaluation: y = x.

    Attributes:
        p: probability that a channel of a sample is dropped.
    """

    def output_shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if len(x) != 4:
            raise ModelError(f"Dropout2d takes an input of shape (N, C, H, W), not {x}; Dropout takes any")
        return x

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Every channel of every sample by itself."""
        return (*shape[:2], 1, 1)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        yield Sample(op=Dropout2d(0.4), shapes=((3, 4, 2, 3),))
        yield Sample(op=Dropout2d(0.4), shapes=((3, 4, 2, 3),), training=False)
        yield Sample(op=Dropout2d(0.0), shapes=((2, 1, 2, 2),))
        yield Sample(op=Dropout2d(0.8), shapes=((4, 5, 1, 1),))
