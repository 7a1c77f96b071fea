"""A failing case with simpler numbers: 0 and 1 where they do as well, and few digits where they do not."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from backproof.graph import Array
from backproof.optim.schedules import Constant
from backproof.verify.custom.drawn import Drawn
from backproof.verify.custom.updates import Steps

TRIES = 400
"""Cases that are computed, at most."""

FEW = 24
"""Elements that are simplified one by one, at most."""


def simplified(case: Drawn, fails: Callable[[Drawn], bool]) -> Drawn:
    """The case with as simple numbers as still fail in the same way."""
    left = TRIES

    def still(candidate: Drawn) -> bool:
        nonlocal left
        left -= 1
        return left > 0 and fails(candidate)

    if case.other is not None and still(replace(case, other=None)):
        case = replace(case, other=None)
    for changes in ({"seed": 0}, {"step": 0}, {"training": True}):
        if still(simpler := case.in_mode(**changes)):
            case = simpler
    if case.other is not None:
        rounded = tuple(np.round(x, 1) for x in case.other.inputs)
        if still(simpler := replace(case, other=replace(case.other, inputs=rounded))):
            case = simpler
    for place in _places(case):
        for candidate in _wholes(_get(case, place), zero=place[0] != "dy"):
            if still(simpler := _with(case, place, candidate)):
                case = simpler
                break
        else:
            case = _by_element(case, place, still)
    return case


def simplified_steps(steps: Steps, fails: Callable[[Steps], bool]) -> Steps:
    """The steps with fewer of them, fewer numbers, and simpler ones, that still fail in the same way."""
    if steps.other is not None and fails(simpler := replace(steps, other=None)):
        steps = simpler
    if fails(simpler := replace(steps, optimizer=replace(steps.optimizer, schedule=Constant()))):
        steps = simpler
    count, n = steps.gradients.shape
    for less in range(1, count):  # hundreds at most, and each is quick
        if fails(simpler := replace(steps, gradients=steps.gradients[:less])):
            steps = simpler
            break
    for i in range(n if n > 1 else 0):
        if fails(simpler := replace(steps, w=steps.w[i : i + 1], gradients=steps.gradients[:, i : i + 1])):
            steps = simpler
            break
    for value in _simpler(float(steps.w[0])):
        if fails(simpler := replace(steps, w=np.full_like(steps.w, value))):
            steps = simpler
            break
    for value in _simpler(float(steps.gradients.flat[int(np.argmax(np.abs(steps.gradients)))])):
        if value and fails(simpler := replace(steps, gradients=np.full_like(steps.gradients, value))):
            return simpler
    for digits in range(3):
        if fails(simpler := replace(steps, gradients=np.round(steps.gradients, digits), w=np.round(steps.w, digits))):
            return simpler
    return steps


Place = tuple[str, int | str]


def _places(case: Drawn) -> list[Place]:
    inputs: list[Place] = [("input", i) for i in range(len(case.inputs))]
    return [*inputs, *(("parameter", name) for name in case.parameters), ("dy", "")]


def _get(case: Drawn, place: Place) -> Array:
    kind, name = place
    if kind == "input":
        return case.inputs[int(name)]
    return case.dy if kind == "dy" else case.parameters[str(name)]


def _with(case: Drawn, place: Place, value: Array) -> Drawn:
    kind, name = place
    if kind == "input":
        return replace(case, inputs=tuple(value if i == name else x for i, x in enumerate(case.inputs)))
    if kind == "dy":
        return replace(case, dy=value)
    return replace(case, parameters=case.parameters | {str(name): value})


def _wholes(x: Array, *, zero: bool) -> Iterator[Array]:
    """The array all alike."""
    yield np.ones_like(x)
    if zero:
        yield np.zeros_like(x)
    if x.size and x.dtype.kind == "f":
        top = float(x.flat[int(np.argmax(np.abs(x)))])
        for value in _simpler(top):
            if value or zero:
                yield np.full_like(x, value)


def _by_element(case: Drawn, place: Place, still: Callable[[Drawn], bool]) -> Drawn:
    x = _get(case, place)
    if x.size > FEW or x.dtype.kind != "f":
        return case
    for index in np.ndindex(x.shape):
        for value in _simpler(float(x[index])):
            simpler = _get(case, place).copy()
            if simpler[index] == value:
                break
            simpler[index] = value
            if still(candidate := _with(case, place, simpler)):
                case = candidate
                break
    return case


def _simpler(value: float) -> Iterator[float]:
    """Simpler numbers than one, the simplest first: 0, small whole ones of its sign, and its own first digits."""
    yield 0.0
    if not np.isfinite(value):
        return
    sign = -1.0 if value < 0 else 1.0
    yield from (
        sign * size for size in (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 100.0, 1000.0) if size <= max(2 * abs(value), 1)
    )
    for digits in (1, 2, 3):
        yield float(f"{value:.{digits}g}")
