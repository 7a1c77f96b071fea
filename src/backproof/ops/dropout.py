"""Dropout, whose mask is the same bits in every engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from backproof.errors import UserError
from backproof.graph.op import Op, Sample, operation
from backproof.graph.shape import Shape


@operation
@dataclass(frozen=True)
class Dropout(Op):
    """Training: y = x m / (1 - p), each m 0 with probability p, else 1.   Evaluation: y = x.

    The inverted form of Srivastava et al. 2014, as PyTorch's.

    Attributes:
        p: probability that an element is dropped.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise UserError(f"Dropout's p lies in [0, 1), not {self.p}")

    def output_shape(self, *inputs: Shape) -> Shape:
        """As the input."""
        return inputs[0]

    def mask(self, shape: tuple[int, ...], seed: int, step: int, node: str) -> npt.NDArray[np.bool_]:
        """True where an element is kept: drawn from (seed, step, node name) alone, so equal in every engine.

        A counter-based generator (Philox): the key is the seed and the node, the counter is the step.
        """
        key = int.from_bytes(sha256(f"{seed}/dropout/{node}".encode()).digest()[:16], "little")
        rng = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, step, 0]))
        return rng.random(shape, dtype=np.float32) >= self.p

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        """Both modes, nothing dropped, most dropped."""
        yield Sample(op=Dropout(0.4), shapes=((6, 5),))
        yield Sample(op=Dropout(0.4), shapes=((6, 5),), training=False)
        yield Sample(op=Dropout(0.0), shapes=((3, 2),))
        yield Sample(op=Dropout(0.9), shapes=((2, 3, 4, 4),))
