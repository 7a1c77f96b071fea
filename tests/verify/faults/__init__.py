"""Planted faults, one file a family: each is what a check must find, and where."""

from faults import (
    activations,
    convolution,
    dropout,
    linear,
    losses,
    merging,
    normalisation,
    optimizers,
    pooling,
    resizing,
    results,
)
from faults.fault import FAULTS, NAME, Fault, engine_with

__all__ = [
    "FAULTS",
    "NAME",
    "Fault",
    "activations",
    "convolution",
    "dropout",
    "engine_with",
    "linear",
    "losses",
    "merging",
    "normalisation",
    "optimizers",
    "pooling",
    "resizing",
    "results",
]
