"""The checks at the entry of every trainer: do inputs, weights and optimizer state fit the network?"""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from backproof.engines.base import Gradients
from backproof.errors import UserError, unknown
from backproof.graph import BATCH, Array, Arrays, Graph, Input, Kind
from backproof.graph.op import LETTERS
from backproof.optim import Optimizer


def batch_size(graph: Graph, inputs: Arrays, *, targets: bool = False) -> int:
    """The number of samples N in `inputs`, once they are known to fit `graph`. About a microsecond.

    `targets`: whether the targets of the loss must be there too; without, they may.
    Raises `UserError`, naming the input, for one that is missing, unknown, of another shape or kind, or empty; or if
    the targets of a loss are asked for where the network has none.
    """
    if targets and graph.loss is None:
        raise UserError("the network has no loss; give it one with graph.with_loss(...)")
    n = given = 0
    first = ""
    for place, expected in enumerate(graph.inputs):
        array = inputs.get(expected.name)
        if array is None:
            if place == 0 or targets:
                raise UserError(f"input '{expected.name}' of shape {expected.shape} is missing")
            continue
        given += 1
        shape = array.shape if isinstance(array, np.ndarray) else _refuse(expected, array)
        found = shape[0] if shape[1:] == expected.shape[1:] and expected.shape[:1] == (BATCH,) and shape else None
        if found is None:
            found = expected.shape.batch_in(shape)
        if found is None or array.dtype.kind not in LETTERS[expected.kind]:
            _refuse(expected, array)
        if found == 0:
            raise UserError(f"input '{expected.name}' is an empty batch; a batch has 1 sample or more")
        if n == found or not expected.shape.has_batch:
            continue
        if n:
            raise UserError(
                f"input '{expected.name}' has {found} samples where '{first}' has {n}; they must be equally many"
            )
        n, first = found, expected.name
    if given != len(inputs):
        names = {i.name for i in graph.inputs}
        raise unknown("input", next(name for name in inputs if name not in names), names)
    return n or 1


class Shaped(Protocol):
    """An array of any library."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        ...


def samples_of(graph: Graph, inputs: Mapping[str, Shaped]) -> int:
    """N of inputs that fit `graph`; 1 where no batch stands."""
    for given in graph.inputs:
        if given.shape.has_batch and given.name in inputs:
            return given.shape.batch_in(tuple(inputs[given.name].shape)) or 1
    return 1


def dtypes_of(graph: Graph, dtype: npt.DTypeLike) -> dict[str, np.dtype[Any]]:
    """What engines compute in, by name of the input: floats in `dtype`, whole numbers int64, truth values bool."""
    dtypes: dict[Kind, npt.DTypeLike] = {"float": dtype, "int": np.int64, "bool": np.bool_}
    return {i.name: np.dtype(dtypes[i.kind]) for i in graph.inputs}


def in_dtype(graph: Graph, inputs: Arrays, dtype: npt.DTypeLike) -> dict[str, Array]:
    """The inputs that are there, in the dtypes that engines compute in."""
    dtypes = dtypes_of(graph, dtype)
    return {name: x.astype(dtypes[name], copy=False) for name, x in inputs.items()}


def asked_for(graph: Graph, inputs: Arrays, want: Collection[str]) -> tuple[bool, list[str]]:
    """Whether a forward pass goes on to the loss, as it is wanted or all that it takes is there; and what it gives.

    Raises `UserError` with the nearest names if `want` holds a name that is no node's.
    """
    for name in want:
        graph.require_node(name)
    wanted = not graph.loss_nodes.isdisjoint(want)
    with_loss = graph.loss is not None and (wanted or all(i.name in inputs for i in graph.inputs))
    losses = [graph.loss] if graph.loss is not None and with_loss else []
    return with_loss, list(dict.fromkeys([graph.output, *want, *losses]))


def check_parameters(graph: Graph, parameters: Arrays) -> None:
    """Raise `UserError`, naming the parameter, for one that is missing, unknown, misshapen or not of real numbers."""
    _check_arrays("parameter", {name: spec.shape for name, spec in graph.parameters.items()}, parameters)


def check_optimizer_state(graph: Graph, optimizer: Optimizer, state: Arrays) -> None:
    """Raise `UserError`, naming the array `slot/parameter`, for one that is missing, unknown or misshapen."""
    trainable = {name: spec.shape for name, spec in graph.parameters.items() if spec.trainable}
    expected = {f"{slot}/{name}": shape for slot in optimizer.slots for name, shape in trainable.items()}
    _check_arrays("optimizer state", expected, state)


def check_gradients(graph: Graph, gradients: Gradients) -> None:
    """Raise `UserError`, naming the parameter, for a gradient that is missing, unknown or misshapen; so for the state.

    The state may be empty, as it is in evaluation.
    """
    shapes = {name: spec.shape for name, spec in graph.parameters.items()}
    trainable = {name: shapes[name] for name, spec in graph.parameters.items() if spec.trainable}
    _check_arrays("gradient", trainable, gradients.parameters)
    state = {name: shape for name, shape in shapes.items() if name in gradients.state and name not in trainable}
    _check_arrays("running statistics", state, gradients.state)


def _check_arrays(kind: str, shapes: Mapping[str, tuple[int, ...]], arrays: Arrays) -> None:
    for name in arrays:
        if name not in shapes:
            raise unknown(kind, name, shapes) if shapes else UserError(f"unknown {kind} '{name}'; there is none")
    for name, shape in shapes.items():
        if name not in arrays:
            raise UserError(f"{kind} '{name}' of shape {shape} is missing")
        array = np.asarray(arrays[name])
        if array.shape != shape:
            raise UserError(f"{kind} '{name}' has shape {array.shape}, not {shape}")
        if array.dtype.kind not in "fiu":
            raise UserError(f"{kind} '{name}' has dtype {array.dtype}; it must hold real numbers")


def _refuse(expected: Input, array: Array) -> NoReturn:
    if not isinstance(array, np.ndarray):
        raise UserError(f"input '{expected.name}' is a {type(array).__name__}; it must be a NumPy array")
    wanted = {"float": "floats", "int": "whole numbers", "bool": "truth values"}[expected.kind]
    raise UserError(
        f"input '{expected.name}' has shape {array.shape} and dtype {array.dtype}; "
        f"the network takes {wanted} of shape {expected.shape}"
    )
