"""Samples on their way from scikit-learn's arrays to the network, and the labels that belong to them."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from backproof.data import Partition
from backproof.graph import Array
from backproof.sklearn.errors import EstimatorError
from backproof.sklearn.settings import plain

Labels = npt.NDArray[Any]


def partition(x: Array, y: Labels | None = None, weight: Array | None = None) -> Partition:
    """Samples, (n, features) or (n, channels, height, width), and their targets; 0 where none are known."""
    targets = np.zeros(len(x), dtype=np.int64) if y is None else y
    return Partition(x, targets, np.arange(len(x)), x.shape[1:] if x.ndim == 4 else (), weight)


def sample_weights(x: Array, y: Labels, given: Any) -> tuple[Array, Labels, Array | None]:
    """The samples that count, and how much, float64 (n,); None where all count the same.

    Those of weight 0 are dropped, so that no minibatch is without weight. Raises `ValueError` for weights that are no
    numbers from 0 up, one a sample, or all 0.
    """
    if given is None:
        return x, y, None
    weight = _check_sample_weight(given, x, dtype=np.float64)
    if (weight < 0).any() or not weight.any():
        raise EstimatorError("sample_weight must be 0 or more, and above 0 for some sample")
    counts = weight > 0
    x, y, weight = (a if counts.all() else a[counts] for a in (x, y, weight))
    return x, y, None if (weight == weight[0]).all() else weight


def in_input_shape(x: Array, input_shape: Sequence[int] | None) -> Array:
    """Rows as images, if an input shape is given. Raises `EstimatorError` if they do not fit it."""
    if input_shape is None:
        return x
    wanted = plain(input_shape)
    if not (isinstance(wanted, list) and all(isinstance(length, int) and length > 0 for length in wanted)):
        raise EstimatorError(f"input_shape is {input_shape!r}; it must be a sample's shape, such as (1, 28, 28)")
    shape = tuple(wanted)
    if x.shape[1:] == shape:
        return x
    if x.ndim != 2 or prod(shape) != x.shape[1]:
        raise EstimatorError(f"input_shape {shape} has {prod(shape)} values; samples of X have the shape {x.shape[1:]}")
    return x.reshape(len(x), *shape)


def require_shape(X: Any, fitted: tuple[int, ...]) -> None:
    """Raise `EstimatorError` for images of another shape; scikit-learn would count their channels as features."""
    shape = np.shape(X) if hasattr(X, "shape") else ()
    images = len(shape) > 2 or len(fitted) > 1
    if shape and images and shape[1:] != fitted:
        raise EstimatorError(f"X has shape {shape}; samples had the shape {fitted} in the fit")


def set_aside(samples: Partition, fraction: float, seed: int) -> tuple[Partition, Partition]:
    """Training and validation samples, each with the classes, if there are any, in their proportions.

    Raises `ValueError` for a fraction that leaves a class or a partition without samples.
    """
    share = plain(fraction)
    if not (isinstance(share, float) and 0 < share < 1):
        raise EstimatorError(f"validation_fraction is {fraction!r}; it must be between 0 and 1, such as 0.1")
    rows = np.arange(len(samples))
    try:
        classes = samples.y if samples.y.dtype.kind == "i" else None
        train, dev = train_test_split(rows, test_size=share, random_state=seed, stratify=classes)
    except ValueError as error:
        raise EstimatorError(
            f"validation_fraction {share} of {len(rows)} samples leaves a class without samples on one side: {error}"
        ) from error
    w = samples.weight
    train, dev = (partition(samples.x[rows], samples.y[rows], w if w is None else w[rows]) for rows in (train, dev))
    return train, dev


def class_weights(
    wanted: Mapping[Any, float] | Literal["balanced"] | None, classes: Labels, y: Labels, weight: Array | None
) -> tuple[float, ...] | None:
    """How much each class counts, in the order of `classes`, where the samples have a weight or None.

    Raises `ValueError` for a label that is none of them, and for a weight that is not above 0.
    """
    if wanted is None:
        return None
    if isinstance(wanted, str) and wanted == "balanced" and weight is not None:
        # compute_class_weight takes weights of samples since scikit-learn 1.8 only.
        weights: Array = weight.sum() / (len(classes) * np.array([weight[y == label].sum() for label in classes]))
    else:
        weights = compute_class_weight(wanted, classes=classes, y=y)
    if not (np.isfinite(weights).all() and (weights > 0).all()):  # of a batch without any weight there is no mean
        raise EstimatorError(f"class_weight is {wanted!r}; each weight must be above 0 and finite")
    return tuple(weights.tolist())


def listed(labels: Labels) -> str:
    """Some labels, for a message."""
    return ", ".join(map(str, labels[:10])) + (", ..." if len(labels) > 10 else "")
