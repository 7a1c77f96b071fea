"""The gradients of one operation against numbers: finite differences, and complex steps where a formula allows them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from backproof.engines import Trainer
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import ROOM, Case, Results, results, sensitivity
from backproof.verify.core.finding import Finding
from backproof.verify.core.gradient_check import TOLERANCE, check_gradients
from backproof.verify.core.location import Location
from backproof.verify.core.tolerances import difference, tolerance
from backproof.verify.operations.complex_step import complex_gradients

COORDINATES = 4
"""Single elements probed in each tensor, besides the directions that see all of them at once."""


def check_against_numbers(trainer: Trainer, case: Case, comparison: FindingBuilder) -> Iterator[Finding]:
    """Every gradient that `trainer`, in float64, computes on `case`."""
    rng = np.random.default_rng(case.mode.seed)
    report = check_gradients(trainer, case.inputs, case.mode, rng=rng, coordinates=COORDINATES)
    numbers = comparison.against("finite differences")
    for tensor in report.tensors:
        finding = numbers.gradient(tensor, TOLERANCE)
        yield replace(finding, location=finding.location.within("op"))
    comparison = comparison.against("complex step")
    exact = complex_gradients(case)
    if exact is None:
        yield comparison.skipped(Location("gradients"), "no formula for complex numbers")
        return
    found, allowed = results(trainer, case), tolerance("float64", case.terms)
    if any(not difference(found[location], expected) <= allowed for location, expected in exact.items()):
        # What the inputs do not fix, such as a normalisation of numbers far from zero, is no error of the engine.
        allowed += ROOM * sensitivity(_by_complex_steps, case, exact, "float64")
    for location, expected in exact.items():
        yield comparison.array(location.within("op"), found[location], expected, allowed)


def _by_complex_steps(case: Case) -> Results:
    gradients = complex_gradients(case)
    assert gradients is not None, "the formula took the case before it was perturbed"
    return gradients
