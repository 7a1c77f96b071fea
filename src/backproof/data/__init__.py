"""Datasets: found, preprocessed, divided, augmented and handed over in batches, as NumPy arrays."""

from backproof.data.augmentations import augmentation
from backproof.data.batch_sizes import BatchSizes, LastBatch
from backproof.data.batches import Batch, Batches, in_order
from backproof.data.dump import dump_batches
from backproof.data.loading import load
from backproof.data.options import AugmentationOptions, DataOptions, PreprocessingOptions
from backproof.data.partitions import Partition, Partitions
from backproof.data.show import DatasetSummary, contact_sheet, describe
from backproof.data.sources import Available, BadImageError, Source, available, dataset, file_format, generated, make
from backproof.data.targets import Targets, TargetSpec

__all__ = [
    "AugmentationOptions",
    "Available",
    "BadImageError",
    "Batch",
    "BatchSizes",
    "Batches",
    "DataOptions",
    "DatasetSummary",
    "LastBatch",
    "Partition",
    "Partitions",
    "PreprocessingOptions",
    "Source",
    "TargetSpec",
    "Targets",
    "augmentation",
    "available",
    "contact_sheet",
    "dataset",
    "describe",
    "dump_batches",
    "file_format",
    "generated",
    "in_order",
    "load",
    "make",
]
