"""The contract that every engine keeps for every operation, besides right numbers.

Inputs and parameters are read, never written. A second pass gives the same bits. Inputs may lie in memory as they
like: with gaps, backwards, in Fortran's order, read-only. What does not fit raises `UserError`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from backproof.engines import Engine, Trainer
from backproof.errors import UserError
from backproof.graph import Array, Loss
from backproof.ops.label_loss import LabelLoss
from backproof.verify.core.builder import FindingBuilder, both_at, worst_coordinate
from backproof.verify.core.case import Case, Results, results
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import LOSS, OUTPUT, Location
from backproof.verify.core.tolerances import difference_of_finite, tolerance
from backproof.verify.operations.side_effects import check_side_effects

Name = TypeVar("Name", str, Location)


def check_contract(engine: Engine, trainer: Trainer, case: Case, comparison: FindingBuilder) -> Iterator[Finding]:
    """All findings on `trainer`, which `engine` compiled from `case`, except those on `shapes_and_dtypes`."""
    yield from _unchanged(trainer, case, comparison)
    yield _any_layout(trainer, case, comparison)
    yield _bad_inputs(engine, trainer, case, comparison)
    yield from check_side_effects(engine, trainer, case, comparison)


def shapes_and_dtypes(found: Results, case: Case, trains: bool, comparison: FindingBuilder) -> Finding:
    """Every result has the shape that the graph declares, and the trainer's dtype, or int64, or bool."""
    graph, N = case.graph, case.samples
    expected = {OUTPUT: graph.shapes[graph.output].bind(N)} | ({} if graph.loss is None else {LOSS: ()})
    kind = graph.kinds[graph.output]
    dtypes = {} if kind == "float" else {OUTPUT: np.dtype(np.int64 if kind == "int" else np.bool_)}
    if trains and graph.loss is not None:
        for name, spec in graph.parameters.items():
            if spec.trainable:
                expected[Location("gradient of parameter", name)] = spec.shape
            elif case.mode.training and name in graph.statistics:
                expected[Location("state", name)] = spec.shape
        floats = (i for i in graph.inputs if i.kind == "float")
        expected |= {Location("gradient of input", i.name): i.shape.bind(N) for i in floats}
    wrong = [f"{location} is missing" for location in expected if location not in found]
    wrong += [f"{location} is not asked for" for location in found if location not in expected]
    for location in expected.keys() & found.keys():
        if found[location].shape != expected[location]:
            wrong.append(f"{location} has shape {found[location].shape}, not {expected[location]}")
        elif location != LOSS and found[location].dtype != (wanted := dtypes.get(location, comparison.dtype)):
            wrong.append(f"{location} is {found[location].dtype}, not {wanted}")
    return comparison.contract("shapes and dtypes", "; ".join(wrong))


def _unchanged(trainer: Trainer, case: Case, comparison: FindingBuilder) -> Iterator[Finding]:
    """A pass writes to nothing that it was given, and leaves nothing behind."""
    given = {name: value.copy() for name, value in case.inputs.items()}
    before = trainer.parameters()
    first, again = results(trainer, case), results(trainer, case)
    trainer.forward(case.inputs, case.mode)
    yield comparison.contract("inputs unchanged", _changed(given, case.inputs))
    yield comparison.contract("parameters unchanged", _changed(before, trainer.parameters()))
    yield comparison.contract("the same again", _changed(first, again))


def _changed(before: Mapping[Name, Array], after: Mapping[Name, Array]) -> str:
    """What changed, with both values of the first, in a sentence; empty if nothing did."""
    changed = [name for name, value in before.items() if not np.array_equal(value, after[name], equal_nan=True)]
    if not changed:
        return ""
    one, two = before[changed[0]], after[changed[0]]
    words = f"{' and '.join(map(str, changed))} changed in a pass"
    return f"{words}; {both_at(worst_coordinate(two, one), one, two, 'the first', 'the second')}"


def strided(array: Array) -> Array:
    """The same numbers with gaps between them, filled with what must not be read."""
    doubled = np.repeat(array[..., np.newaxis], 2, axis=-1)
    doubled[..., 1] = 7
    return doubled[..., 0]


def backwards(array: Array) -> Array:
    """The same numbers, the last sample first in memory."""
    return array[::-1].copy()[::-1]


def frozen(array: Array) -> Array:
    """The same numbers, read-only."""
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "with gaps": strided,
    "in Fortran's order": np.asfortranarray,
    "backwards": backwards,
    "read-only": frozen,
}


def _any_layout(trainer: Trainer, case: Case, comparison: FindingBuilder) -> Finding:
    """Results do not depend on how inputs lie in memory."""
    name, comparison = "inputs of any layout", comparison.against("contract")
    expected = results(trainer, case)
    allowed = tolerance(comparison.dtype, case.terms)
    findings = []
    for layout, lay in LAYOUTS.items():
        try:
            laid = {n: lay(value) if value.ndim else value for n, value in case.inputs.items()}
            found = results(trainer, replace(case, inputs=laid))
        except Exception as error:  # whatever it is, it is what the check is looking for
            return comparison.contract(name, f"inputs {layout}: {type(error).__name__}: {error}")
        for at, value in expected.items():
            if not np.any(np.isfinite(value)):
                continue  # an error of its own, which the comparison with the reference names
            finding = comparison.array(Location("contract", name), found[at], value, allowed, difference_of_finite)
            findings.append(
                replace(finding, detail=f"inputs {layout}, {at}: {finding.detail}" if finding.detail else "")
            )
    nothing = comparison.skipped(Location("contract", name), "no result is finite")
    return max(findings, key=lambda f: f.badness, default=nothing)


def _bad_inputs(engine: Engine, trainer: Trainer, case: Case, comparison: FindingBuilder) -> Finding:
    """What does not fit raises `UserError`, and nothing else."""
    if not case.graph.inputs:
        return comparison.skipped(Location("contract", "bad inputs refused"), "it takes none")
    first = case.graph.inputs[0].name
    x = case.inputs[first]

    def inputs(**changed: object) -> Callable[[], object]:
        return lambda: results(trainer, replace(case, inputs={**case.inputs, **changed}))  # type: ignore[dict-item]

    mistakes: dict[str, Callable[[], object]] = {
        "an input is missing": lambda: results(trainer, replace(case, inputs={})),
        "an input is unknown": inputs(unheard_of=x),
        "an input has an axis too many": inputs(**{first: x[..., np.newaxis]}),
        "an input holds complex numbers": inputs(**{first: x.astype(np.complex128)}),
        "an input is a list": inputs(**{first: x.tolist()}),
    }
    if x.ndim:
        mistakes["an input is an empty batch"] = inputs(**{first: x[:0]})
    if x.ndim and isinstance(case.graph.inputs[0].shape[-1], int):  # else that is only a longer batch
        longer = np.concatenate([x, x[..., :1]], axis=-1)
        mistakes["an input is one longer in its last axis"] = inputs(**{first: longer})
    op = case.graph.node["op"].op
    for place, i in enumerate(case.graph.inputs):
        if i.kind == "int" and (isinstance(op, Loss) or place in op.indices):
            for label in _no_classes(case, x):
                wrong = case.inputs[i.name].copy()
                wrong.flat[-1] = label
                mistakes[f"one label is {label}"] = inputs(**{i.name: wrong})
    for name, value in case.parameters.items():
        others = {n: v for n, v in case.parameters.items() if n != name}
        misshapen = others | {name: np.zeros((*value.shape, 2))}
        compiled = partial(engine.compile, case.graph, dtype=comparison.dtype)
        mistakes[f"parameter {name} is missing"] = partial(compiled, others)
        mistakes[f"parameter {name} is misshapen"] = partial(compiled, misshapen)
    broken = [text for mistake, make in mistakes.items() if (text := _not_refused(mistake, make))]
    return comparison.contract("bad inputs refused", "; ".join(broken))


def _no_classes(case: Case, x: Array) -> Iterator[int]:
    """Labels far from all classes; of a loss of x (N, C, ...) also those next to the first and to the last class."""
    losses = [node.op for node in case.graph.nodes if isinstance(node.op, LabelLoss)]
    ignored = {loss.ignore_index for loss in losses}
    yield from (label for label in ((-1, x.shape[1], 1_000_000) if losses else (1_000_000,)) if label not in ignored)


def _not_refused(mistake: str, make: Callable[[], object]) -> str:
    """What happened instead of a `UserError`; empty if one was raised."""
    try:
        make()
    except UserError:
        return ""
    except Exception as error:
        return f"where {mistake}: {type(error).__name__} instead of UserError"
    return f"where {mistake}: no error"
