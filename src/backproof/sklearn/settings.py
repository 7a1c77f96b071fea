"""The estimator's parameters as the options of a run, checked in the same words."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from backproof.data import AugmentationOptions
from backproof.errors import UserError, unknown
from backproof.runs.options import spec_from_options
from backproof.runs.spec import EngineOptions, OptimizerOptions, RunSpec

OWN = ("engine", "dtype", "optimizer", "learning_rate", "epochs", "batch_size")
"""Options of a run that are the estimator's own parameters."""

FURTHER = (
    *("init", "weights", "weights_skip", "label_smoothing"),
    *(f.name for kind in (EngineOptions, OptimizerOptions, AugmentationOptions) for f in fields(kind)),
)
"""Options of a run that may be given as `train_options`, those in `OWN` left out."""


def spec_of(parameters: Mapping[str, Any]) -> RunSpec:
    """The specification of a run with these parameters of the estimator; its data and model are the defaults.

    Raises `UserError` for a parameter or a train option that is unknown or of a wrong type or value.
    """
    further = parameters["train_options"] or {}
    for name in further:
        if name in OWN:
            raise UserError(f"train_options has '{name}', which is a parameter of the estimator: write {name}=...")
        if name not in FURTHER:
            raise unknown("train option", name, set(FURTHER) - set(OWN))
    own = {name: parameters[name] for name in OWN}
    return spec_from_options({name: plain(value) for name, value in (own | further).items()})


def plain(value: object) -> object:
    """NumPy's scalars, which come out of a grid such as np.logspace, as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def require_patience(epochs: object) -> int:
    """The epochs that early stopping waits. Raises `UserError` unless they are 1 or more."""
    patience = plain(epochs)
    if not (isinstance(patience, int) and patience >= 1):
        raise UserError(f"n_iter_no_change is {epochs!r}; it must be 1 epoch or more")
    return patience
