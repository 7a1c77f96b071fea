"""Batches of samples: shuffled and augmented for training, in order for evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backproof.data.augmentations import Augmentation
from backproof.data.options import AugmentationOptions
from backproof.data.partitions import Ids, Partition
from backproof.data.seeds import SHUFFLE, generator
from backproof.data.targets import Targets
from backproof.errors import OptionError


@dataclass(frozen=True, slots=True)
class Batch:
    """Some samples. Valid until the next batch is asked for: its `x` is then written over.

    x: (n, C, H, W) or (n, D). y: (n, ...), see `Partitions.targets`. ids: (n,) int64, numbers in the dataset.
    image_shape: (C, H, W), also when x is flattened; () when samples are vectors.
    weight: (n,), how much each sample counts in the loss; None: all the same.
    """

    x: npt.NDArray[np.floating]
    y: Targets
    ids: Ids
    image_shape: tuple[int, ...] = ()
    weight: npt.NDArray[np.floating] | None = None


class Batches:
    """The training samples of an epoch, batch by batch, in an order drawn from (data seed, epoch).

    `batch_size` None stands for all samples in one batch. The last batch of an epoch may be smaller. With clones
    each sample appears so many times an epoch. Raises `UserError` where an option does not fit.
    """

    def __init__(
        self,
        partition: Partition,
        *,
        batch_size: int | None,
        augmentation: AugmentationOptions,
        data_seed: int,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise OptionError("{batch_size} is {}; it must be 1 or more, or full", batch_size)
        self.partition = partition
        self.samples_per_epoch = len(partition) * augmentation.clone
        self.batch_size = min(batch_size or self.samples_per_epoch, self.samples_per_epoch)
        self.batches_per_epoch = -(-self.samples_per_epoch // self.batch_size) if self.batch_size else 0
        self.data_seed = data_seed
        self._augmentation = Augmentation(augmentation, partition.image_shape, data_seed)
        shape = (self.batch_size, *partition.x.shape[1:])
        self._taken = np.empty(shape, dtype=partition.x.dtype)
        self._out = self._taken if np.dtype(dtype) == self._taken.dtype else np.empty(shape, dtype=dtype)

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (counted from 1), from batch number `first_batch` (from 0) on.

        The same arguments give the same bytes: to resume inside an epoch, pass the number of batches done.
        """
        order = generator(self.data_seed, SHUFFLE, epoch).permutation(self.samples_per_epoch)
        clones, rows = np.divmod(order, max(len(self.partition), 1))
        partition, size = self.partition, self.batch_size
        for start in range(first_batch * size, len(order), max(size, 1)):
            chosen = rows[start : start + size]
            n, y, ids = len(chosen), partition.y[chosen], partition.ids[chosen]
            taken, out = self._taken[:n], self._out[:n]
            np.take(partition.x, chosen, axis=0, out=taken, mode="clip")  # "clip": straight into `out`, without a copy
            if self._augmentation:
                self._augmentation.apply(taken, y, epoch, ids, clones[start : start + size])
            if out.dtype != taken.dtype:
                out[:] = taken
            weight = None if partition.weight is None else partition.weight[chosen]
            yield Batch(out, y, ids, partition.image_shape, weight)


def in_order(partition: Partition, batch_size: int) -> Iterator[Batch]:
    """All samples of a partition, once, in order and without augmentation; `x` is a view of the partition's."""
    for start in range(0, len(partition), batch_size):
        batch = slice(start, start + batch_size)
        weight = None if partition.weight is None else partition.weight[batch]
        yield Batch(partition.x[batch], partition.y[batch], partition.ids[batch], partition.image_shape, weight)
