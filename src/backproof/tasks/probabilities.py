"""Scores of networks as probabilities, without overflow."""

import numpy as np

from backproof.graph import Array


def softmax(scores: Array) -> Array:
    """e^s / Σ e^s over the classes: (N, C, ...) -> the same."""
    powers: Array = np.exp(scores - scores.max(1, keepdims=True))
    powers /= powers.sum(1, keepdims=True)
    return powers


def logistic(scores: Array) -> Array:
    """σ(s) = (1 + tanh(s / 2)) / 2, of arrays of any shape."""
    found: Array = (1 + np.tanh(scores / 2)) / 2
    return found
