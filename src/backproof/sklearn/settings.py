"""The estimator's parameters as the options of a run, checked in the same words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.errors import UserError, unknown
from backproof.runs.options import spec_from_options
from backproof.runs.spec import RunSpec, tables

OWN = ("engine", "dtype", "optimizer", "learning_rate", "epochs", "batch_size")
"""Options of a run that are the estimator's own parameters."""

FURTHER = (
    *("init", "weights", "weights_skip", "label_smoothing", "loss", "last_batch"),
    *(name for table in ("engine", "optimizer", "augmentation") for name in tables()[table]),
)
"""Options of a run that may be given as `train_options`, but for those in `OWN`."""


def spec_of(parameters: Mapping[str, Any]) -> RunSpec:
    """The specification of a run with these parameters of the estimator; its data and model are the defaults.

    Raises `UserError` for a parameter or a train option that is unknown or of a wrong type or value.
    """
    further = options_in("train_options", parameters["train_options"])
    for name in further:
        if name in OWN:
            raise UserError(f"train_options has '{name}', which is a parameter of the estimator: write {name}=...")
        if name not in FURTHER:
            raise unknown("train option", name, set(FURTHER) - set(OWN))
    own = {name: plain(parameters[name]) for name in OWN}
    return spec_from_options(own | further)


def options_in(parameter: str, given: object) -> dict[str, object]:
    """The options in a parameter that is a dict of them, or None. Raises `UserError` for anything else."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UserError(f"{parameter} is {given!r}; it must be a dict of options by name, or None")
    return {name: plain(value) for name, value in given.items()}


def plain(value: object) -> object:
    """NumPy's numbers, which come out of a grid such as np.logspace, as Python's; also in sequences."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def require_patience(epochs: object) -> int:
    """The epochs that early stopping waits. Raises `UserError` unless they are 1 or more."""
    patience = plain(epochs)
    if not (isinstance(patience, int) and patience >= 1):
        raise UserError(f"n_iter_no_change is {epochs!r}; it must be 1 epoch or more")
    return patience
