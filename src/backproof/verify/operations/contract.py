"""What every engine promises of every operation, besides right numbers.

Inputs and parameters are read, never written. A second pass gives the same bits. Inputs may lie in memory as they
like: with gaps, backwards, in Fortran's order, read-only. What does not fit raises `UserError`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from backproof.engines import Engine, Trainer
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.verify.core.case import Case, results
from backproof.verify.core.comparison import Question
from backproof.verify.core.finding import Finding
from backproof.verify.core.tolerances import tolerance
from backproof.verify.operations.side_effects import check_side_effects


def check_promises(engine: Engine, trainer: Trainer, case: Case, ask: Question) -> Iterator[Finding]:
    """All findings on `trainer`, which `engine` compiled from `case`, except those on `shapes_and_dtypes`."""
    yield from _unchanged(trainer, case, ask)
    yield _any_layout(trainer, case, ask)
    yield _bad_inputs(engine, trainer, case, ask)
    yield from check_side_effects(engine, trainer, case, ask)


def shapes_and_dtypes(found: Arrays, case: Case, ask: Question) -> Finding:
    """Every result has the shape that the graph declares, and the trainer's dtype."""
    graph, N = case.graph, len(case.inputs[case.graph.inputs[0].name])
    expected = {"output": graph.shapes[graph.output].bind(N), "loss": ()}
    for name, spec in graph.parameters.items():
        if spec.trainable:
            expected[f"gradient of {name}"] = spec.shape
        elif case.mode.training:
            expected[f"state {name}"] = spec.shape
    expected |= {f"gradient of input {i.name}": i.shape.bind(N) for i in graph.inputs if i.kind == "float"}
    wrong = [f"{what} is missing" for what in expected if what not in found]
    wrong += [f"{what} is not asked for" for what in found if what not in expected]
    for what in expected.keys() & found.keys():
        if found[what].shape != expected[what]:
            wrong.append(f"{what} has shape {found[what].shape}, not {expected[what]}")
        elif what != "loss" and found[what].dtype != ask.dtype:
            wrong.append(f"{what} is {found[what].dtype}, not {ask.dtype}")
    return ask.promised("shapes and dtypes", "; ".join(wrong))


def _unchanged(trainer: Trainer, case: Case, ask: Question) -> Iterator[Finding]:
    """A pass writes to nothing that it was given, and leaves nothing behind."""
    given = {name: value.copy() for name, value in case.inputs.items()}
    before = trainer.parameters()
    first, again = results(trainer, case), results(trainer, case)
    trainer.forward(case.inputs, case.mode)
    yield ask.promised("inputs unchanged", _changed(given, case.inputs))
    yield ask.promised("parameters unchanged", _changed(before, trainer.parameters()))
    yield ask.promised("the same again", _changed(first, again))


def _changed(before: Arrays, after: Arrays) -> str:
    """What changed, in a sentence; empty if nothing did."""
    names = [name for name, value in before.items() if not np.array_equal(value, after[name], equal_nan=True)]
    return f"{' and '.join(names)} changed in a pass" if names else ""


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


def _any_layout(trainer: Trainer, case: Case, ask: Question) -> Finding:
    """Results do not depend on how inputs lie in memory."""
    what = "inputs of any layout"
    expected = results(trainer, case)
    allowed = tolerance(ask.dtype, sum(np.size(x) for x in case.inputs.values()))
    findings = []
    for name, layout in LAYOUTS.items():
        try:
            found = results(trainer, replace(case, inputs={n: layout(value) for n, value in case.inputs.items()}))
        except Exception as error:  # whatever it is, it is what the check is looking for
            return ask.promised(what, f"inputs {name}: {type(error).__name__}: {error}")
        for key, value in expected.items():
            if not np.all(np.isfinite(value)):
                continue  # a fault of its own, which the comparison with the judge names
            finding = ask.judged(what, found[key], value, "contract", allowed)
            findings.append(
                replace(finding, detail=f"inputs {name}, {key}: {finding.detail}" if finding.detail else "")
            )
    return max(findings, key=lambda f: f.badness, default=ask.left_out(what, "no result is finite"))


def _bad_inputs(engine: Engine, trainer: Trainer, case: Case, ask: Question) -> Finding:
    """What does not fit raises `UserError`, and nothing else."""
    first = case.graph.inputs[0]
    x = case.inputs[first.name]

    def inputs(**changed: Array) -> Callable[[], object]:
        return lambda: trainer.gradients({**case.inputs, **changed}, case.mode)

    mistakes: dict[str, Callable[[], object]] = {
        "an input is missing": lambda: trainer.gradients({}, case.mode),
        "an input is unknown": inputs(unheard_of=x),
        "an input has an axis too many": inputs(**{first.name: x[..., np.newaxis]}),
        "an input is one longer in its last axis": inputs(**{first.name: np.concatenate([x, x[..., :1]], axis=-1)}),
        "an input holds complex numbers": inputs(**{first.name: x.astype(np.complex128)}),
        "an input is an empty batch": inputs(**{first.name: x[:0]}),
        "an input is a list": inputs(**{first.name: x.tolist()}),
    }
    if x.ndim == 1:
        del mistakes["an input is one longer in its last axis"]  # that is only a longer batch
    for name, value in case.parameters.items():
        others = {n: v for n, v in case.parameters.items() if n != name}
        longer = others | {name: np.zeros((*value.shape, 2))}
        mistakes[f"parameter {name} is missing"] = partial(engine.compile, case.graph, others, dtype=ask.dtype)
        mistakes[f"parameter {name} is misshapen"] = partial(engine.compile, case.graph, longer, dtype=ask.dtype)
    broken = [text for mistake, make in mistakes.items() if (text := _not_refused(mistake, make))]
    return ask.promised("bad inputs refused", "; ".join(broken))


def _not_refused(mistake: str, make: Callable[[], object]) -> str:
    """What happened instead of a `UserError`; empty if one was raised."""
    try:
        make()
    except UserError:
        return ""
    except Exception as error:
        return f"where {mistake}: {type(error).__name__} instead of UserError"
    return f"where {mistake}: no error"
