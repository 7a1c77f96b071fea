"""Weights by name, fitted to a network."""

from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches

import numpy as np

from backproof.errors import ModelError, named, unknown
from backproof.graph import Array, Arrays, Graph

SHOWN = 3
"""How many names an error lists of each kind."""

COUNTER = "num_batches_tracked"
"""PyTorch's BatchNorm always counts batches; ours does where the count matters, with momentum None."""


def fit_weights(graph: Graph, weights: Arrays, source: str, skip: Sequence[str] = ()) -> dict[str, Array]:
    """Those of `weights` that are parameters of `graph`: all of them, but for the layers in `skip`.

    A layer in `skip` is a node's name, or what names begin with before a dot: `fc`, `layer4`. BatchNorm's
    `num_batches_tracked` is left out where the network has none. Whole numbers become float64.

    Raises `UserError`, naming `source`, the first few names that do not fit and the nearest ones, if a parameter is
    missing, unknown or of another shape; or if no layer is called as one in `skip`.
    """
    shapes = {name: spec.shape for name, spec in graph.parameters.items()}
    for layer in skip:
        if not any(is_of(name, layer) for name in shapes):
            raise unknown("layer", layer, {name.rpartition(".")[0] for name in shapes}, ModelError)
    shapes = {name: shape for name, shape in shapes.items() if not _skipped(name, skip)}
    found = {name: array for name, array in weights.items() if not _skipped(name, skip)}
    found = {name: array for name, array in found.items() if name in shapes or not name.endswith(f".{COUNTER}")}

    faults = []
    if unfit := [n for n in found if n in shapes and found[n].shape != shapes[n]]:
        faults.append(_listed(unfit, lambda n: f"'{n}' has shape {found[n].shape}, not {shapes[n]}"))
    if missing := [n for n in shapes if n not in found]:
        faults.append(f"{_listed(missing, repr)} {'is' if len(missing) == 1 else 'are'} missing")
    if strange := [n for n in found if n not in shapes]:
        faults.append(f"the network has no {_listed(strange, lambda n: _with_nearest(n, missing))}")
    if faults:
        hint = named("; {weights_skip:LAYER} starts a layer anew") if unfit and not missing and not strange else ""
        raise ModelError(f"weights '{source}' do not fit the network: {'; '.join(faults)}{hint}")
    return {name: np.asarray(array, None if array.dtype.kind == "f" else np.float64) for name, array in found.items()}


def is_of(name: str, layer: str) -> bool:
    """Whether a parameter is one of a layer: its name begins so, or is that, as in files of other libraries."""
    return name.startswith(f"{layer}.") or (name == layer and "." not in name)


def _skipped(name: str, skip: Collection[str]) -> bool:
    return any(is_of(name, layer) for layer in skip)


def _listed(names: Sequence[str], describe: Callable[[str], str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(map(describe, names[:SHOWN])) + (f" and {more} more" if more > 0 else "")


def _with_nearest(name: str, missing: Sequence[str]) -> str:
    """With the parameter that is probably meant: one of the missing ones."""
    near = get_close_matches(name, missing, n=1, cutoff=0.8)
    return f"'{name}' (is it {near[0]}?)" if near else f"'{name}'"
