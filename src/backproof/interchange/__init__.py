"""Weights from elsewhere and for elsewhere."""

from backproof.interchange.fit import fit_weights
from backproof.interchange.weights import read_weights, weights_bytes, write_weights

__all__ = ["fit_weights", "read_weights", "weights_bytes", "write_weights"]
