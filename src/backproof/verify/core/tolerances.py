"""How far two right answers may be apart: one table, by dtype and by the number of terms that were added up."""

from math import sqrt

import numpy as np

from backproof.engines import DType
from backproof.graph import Array

EPSILON: dict[DType, float] = {"float32": float(np.finfo(np.float32).eps), "float64": float(np.finfo(np.float64).eps)}
"""Distance from 1 to the next number."""


def tolerance(dtype: DType, terms: int = 1) -> float:
    """The difference that rounding may explain between two sums of `terms` terms, relative to their size.

    Rounding errors add up like a random walk: √terms steps of half an ε each (Higham 2002, section 2.8). The factor 8
    leaves room for a handful of operations one after the other and for unlucky walks.
    """
    return 8 * EPSILON[dtype] * (1 + sqrt(terms))


def difference(a: Array, b: Array) -> float:
    """max |a - b| relative to the largest |b|, or absolute where all |b| are below 1. Infinite for unequal shapes.

    Gradients can cancel to nothing (batch normalisation of two samples), and nothing has no relative error.
    NaN, which no tolerance allows, where `a` or `b` holds a NaN, though both do at the same place, or `b` an infinity.
    """
    if a.shape != b.shape:
        return float("inf")
    if a.size == 0:
        return 0.0
    return float(np.max(np.abs(np.float64(a) - np.float64(b)))) / max(1.0, float(np.max(np.abs(b))))


def difference_of_finite(a: Array, b: Array) -> float:
    """`difference` of what is finite in both; infinite unless NaN and each infinity stand at the same places."""
    finite = np.isfinite(b)
    if a.shape != b.shape or not np.array_equal(np.where(finite, 0, a), np.where(finite, 0, b), equal_nan=True):
        return float("inf")
    return difference(np.where(finite, a, 0), np.where(finite, b, 0))


def relative(found: Array | None, expected: Array) -> float:
    """`difference` in units of the largest |expected|: gradients may be small all over. Infinite for None.

    Not so of a scalar, which is a loss: the cross-entropy of samples that the network is sure of is -log of nearly 1,
    near 0 and off by a rounding of 1.
    """
    if found is None:
        return float("inf")
    size = float(np.max(np.abs(expected), initial=0.0))
    if not size or not expected.ndim:
        return difference(found, expected)
    return difference(found.astype(np.float64) / size, expected.astype(np.float64) / size)
