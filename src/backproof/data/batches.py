"""Batches of samples: shuffled and augmented for training, in order for evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backproof.data.augmentations import Augmentation
from backproof.data.batch_sizes import BatchSizes, LastBatch
from backproof.data.options import AugmentationOptions
from backproof.data.partitions import Ids, Partition
from backproof.data.seeds import SHUFFLE, generator
from backproof.data.targets import Targets


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

    `batch_size` None stands for all samples in one batch. `last_batch` says what becomes of the samples that make no
    full batch, see `BatchSizes`. With clones each sample appears so many times an epoch. Raises `UserError` where an
    option does not fit.

    Attributes
    ----------
    sizes
        Of an epoch's batches.
    samples_per_epoch, batches_per_epoch
        What an epoch has of either; dropped samples do not count.
    """

    def __init__(
        self,
        partition: Partition,
        *,
        batch_size: int | None,
        last_batch: LastBatch = "keep",
        augmentation: AugmentationOptions,
        data_seed: int,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.partition = partition
        self.sizes = BatchSizes(len(partition) * augmentation.clone, batch_size, last_batch)
        self.samples_per_epoch, self.batches_per_epoch = self.sizes.used, self.sizes.count
        self.data_seed = data_seed
        self._augmentation = Augmentation(augmentation, partition.image_shape, data_seed)
        shape = (self.sizes.first, *partition.x.shape[1:])
        self._taken = np.empty(shape, dtype=partition.x.dtype)
        self._out = self._taken if np.dtype(dtype) == self._taken.dtype else np.empty(shape, dtype=dtype)

    def epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (counted from 1), from batch number `first_batch` (from 0) on.

        The same arguments give the same bytes: to resume inside an epoch, pass the number of batches done.
        """
        order = generator(self.data_seed, SHUFFLE, epoch).permutation(self.sizes.samples)
        clones, rows = np.divmod(order, max(len(self.partition), 1))
        partition = self.partition
        for number in range(first_batch, self.batches_per_epoch):
            places = slice(self.sizes.before(number), self.sizes.before(number + 1))
            chosen = rows[places]
            n, y, ids = len(chosen), partition.y[chosen], partition.ids[chosen]
            taken, out = self._taken[:n], self._out[:n]
            np.take(partition.x, chosen, axis=0, out=taken, mode="clip")  # "clip": straight into `out`, without a copy
            if self._augmentation:
                self._augmentation.apply(taken, y, epoch, ids, clones[places])
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
