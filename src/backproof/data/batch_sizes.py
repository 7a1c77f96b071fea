"""Into which batches an epoch is divided: arithmetic alone."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from backproof.errors import OptionError, suggestion

LastBatch = Literal["keep", "drop", "even"]


@dataclass(frozen=True)
class BatchSizes:
    """The sizes of an epoch's batches. None is larger than the one before it.

    Attributes:
        samples: of an epoch, clones counted.
        wanted: how many of them make a batch; None for all in one.
        last_batch: the samples that are left when no full batch can be made: "keep" makes a smaller batch of them,
            "drop" leaves them out, "even" takes as many batches as "keep", whose sizes differ by one at most.

    Raises `UserError` for another word, and for a batch of less than one sample.
    """

    samples: int
    wanted: int | None
    last_batch: LastBatch = "keep"

    def __post_init__(self) -> None:
        if self.wanted is not None and self.wanted < 1:
            raise OptionError("{batch_size} is {}; it must be 1 or more, or full", self.wanted)
        if self.last_batch not in (known := get_args(LastBatch)):
            raise OptionError("{last_batch} is '{}'; {}", self.last_batch, suggestion(self.last_batch, known))

    @property
    def size(self) -> int:
        """What `wanted` comes to: no more than there are samples."""
        return min(self.wanted or self.samples, self.samples)

    @cached_property
    def count(self) -> int:
        """How many batches there are."""
        if not self.samples:
            return 0
        return self.samples // self.size if self.last_batch == "drop" else -(-self.samples // self.size)

    @property
    def used(self) -> int:
        """How many samples are in them."""
        return self.before(self.count)

    @property
    def first(self) -> int:
        """The size of the first batch, which is the largest; 0 where there is none."""
        return self.before(1) if self.count else 0

    @property
    def last(self) -> int:
        """The size of the last batch, which is the smallest; 0 where there is none."""
        return self.used - self.before(self.count - 1) if self.count else 0

    def before(self, batch: int) -> int:
        """How many samples are in the batches before number `batch`, counted from 0."""
        batch = min(batch, self.count)
        if self.last_batch == "even" and self.count:
            size, larger = divmod(self.samples, self.count)
            return batch * size + min(batch, larger)
        return min(batch * self.size, self.samples)

    def __str__(self) -> str:
        """1,258 samples in 20 batches of 64, the last of 42."""
        words = f"{self.used:,} samples in {self.count:,} batch{'es' * (self.count != 1)} of {self.first:,}"
        if self.last < self.first:
            words += f" or {self.last:,}" if self.last_batch == "even" else f", the last of {self.last:,}"
        left = self.samples - self.used
        return f"{words}; {left:,} others are left out, drawn anew in each epoch" if left else words
