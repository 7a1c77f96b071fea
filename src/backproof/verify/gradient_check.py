"""Analytical against numerical gradients of a whole network with its loss, tensor by tensor.

Central differences in float64. Every probe moves one tensor along one direction v, and compares

    a = <g, v>                                       the analytical derivative, from the session's reverse sweep
    n = (cost(w + h v) - cost(w - h v)) / (2 h)      the numerical one

by the error |a - n| / (|a| + |n| + r), where r is a size that rounding lets nobody measure to the tolerance.
First whole directions (one along the gradient, where the signal is strongest, and random ones), which see every element
at once; then single coordinates, which say where. A probe that crosses a kink, such as ReLU's, is left out and counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backproof.engines import Mode, Session
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.optim import Optimizer
from backproof.verify.tolerances import EPSILON

DIRECTIONS = 2
"""Random directions a tensor."""

REDRAWS = 3
"""How many probes are tried for each that is wanted, when kinks are in the way."""


@dataclass(frozen=True)
class Probe:
    """One comparison: where, both derivatives, and what came of it."""

    where: str
    analytical: float
    numerical: float
    error: float
    verdict: Literal["agrees", "kink", "differs"]


@dataclass(frozen=True)
class TensorCheck:
    """What the probes of one parameter or input found."""

    name: str
    kind: Literal["parameter", "input"]
    probes: tuple[Probe, ...]

    @property
    def passed(self) -> bool:
        """No probe differs."""
        return all(probe.verdict != "differs" for probe in self.probes)

    @property
    def checked(self) -> int:
        """Probes that could be judged."""
        return sum(probe.verdict != "kink" for probe in self.probes)

    @property
    def kinks(self) -> int:
        """Probes left out."""
        return sum(probe.verdict == "kink" for probe in self.probes)

    @property
    def worst(self) -> Probe | None:
        """The probe that differs most, or None where all agree."""
        return max((p for p in self.probes if p.verdict == "differs"), key=lambda p: p.error, default=None)

    @property
    def error(self) -> float:
        """The largest error of the probes that were judged."""
        return max((probe.error for probe in self.probes if probe.verdict != "kink"), default=0.0)

    def __str__(self) -> str:
        line = f"{self.kind} {self.name}: error {self.error:.1e}, {self.checked} probes, {self.kinks} at kinks"
        if self.worst is None:
            return line
        a, n = self.worst.analytical, self.worst.numerical
        return f"{line}; WRONG at {self.worst.where}: analytical {a:.12g}, numerical {n:.12g}"


@dataclass(frozen=True)
class GradientReport:
    """The gradient check of a network, by tensor."""

    tensors: tuple[TensorCheck, ...]

    @property
    def passed(self) -> bool:
        """Every tensor passed, and every tensor could be judged somewhere."""
        return all(tensor.passed and tensor.checked for tensor in self.tensors)

    @property
    def failures(self) -> tuple[TensorCheck, ...]:
        """The tensors whose gradient is wrong."""
        return tuple(tensor for tensor in self.tensors if not tensor.passed)

    @property
    def unchecked(self) -> tuple[TensorCheck, ...]:
        """The tensors of which nothing could be said: a kink at every probe."""
        return tuple(tensor for tensor in self.tensors if not tensor.checked)

    @property
    def error(self) -> float:
        """The largest error of any tensor."""
        return max((tensor.error for tensor in self.tensors), default=0.0)

    @property
    def kinks(self) -> int:
        """Probes left out."""
        return sum(tensor.kinks for tensor in self.tensors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.tensors))


def check_gradients(
    session: Session,
    inputs: Arrays,
    mode: Mode,
    optimizer: Optimizer | None = None,
    *,
    rng: np.random.Generator,
    coordinates: int = 10,
    step: float = 1e-5,
    tolerance: float = 1e-7,
) -> GradientReport:
    """Check the gradient of every trainable parameter and float input of `session`'s network.

    `mode` holds for the probes as for the reverse sweep: the same dropout mask, the same batch statistics. The coupled
    weight decay of `optimizer` is part of the cost. `coordinates` elements are probed in each tensor; h is `step`.
    The session is left as it was, bit for bit. Raises `UserError` for a session that is not in float64.
    """
    if session.dtype != "float64":
        raise UserError(f"a gradient check needs a session in float64, not in {session.dtype}")
    found = session.gradients(inputs, mode, optimizer)
    cost = _Cost(session, inputs, mode, optimizer)
    # The cost carries rounding errors of some ε of the numbers that it was computed from, and the difference quotient
    # those over h, however small the derivative is. Below r they alone would exceed the tolerance.
    size = abs(found.cost) + float(np.max(np.abs(found.output)))
    r = 4 * EPSILON["float64"] * size / step / tolerance
    prober = _Prober(cost.here(), step, tolerance, r)
    checks = []
    try:
        for name, g in found.parameters.items():
            move = cost.of_parameter(name)
            checks.append(TensorCheck(name, "parameter", tuple(_probes(prober, move, g, rng, coordinates))))
        for name, g in found.inputs.items():
            move = cost.of_input(name)
            checks.append(TensorCheck(name, "input", tuple(_probes(prober, move, g, rng, coordinates))))
    finally:
        cost.restore()
    return GradientReport(tuple(checks))


CostOf = Callable[[Array], float]
"""The cost when a given array is added to one tensor."""


class _Cost:
    """The cost as a function of any one tensor, all others held."""

    def __init__(self, session: Session, inputs: Arrays, mode: Mode, optimizer: Optimizer | None) -> None:
        self._session = session
        self._inputs = dict(inputs)
        self._mode = mode
        self._parameters = session.parameters()
        decayed = session.graph.parameters.items() if optimizer is not None else ()
        self._decayed = [name for name, spec in decayed if optimizer is not None and optimizer.decays(spec)]
        self._l2 = optimizer.l2 if optimizer is not None else 0.0

    def here(self) -> float:
        return self._loss(self._inputs) + self._penalty(self._parameters)

    def of_parameter(self, name: str) -> CostOf:
        def cost(change: Array) -> float:
            parameters = self._parameters | {name: self._parameters[name] + change}
            self._session.load(parameters)
            return self._loss(self._inputs) + self._penalty(parameters)

        return cost

    def of_input(self, name: str) -> CostOf:
        self.restore()
        penalty = self._penalty(self._parameters)

        def cost(change: Array) -> float:
            return self._loss(self._inputs | {name: self._inputs[name] + change}) + penalty

        return cost

    def restore(self) -> None:
        self._session.load(self._parameters)

    def _loss(self, inputs: Arrays) -> float:
        assert self._session.graph.loss is not None
        return float(self._session.forward(inputs, self._mode)[self._session.graph.loss])

    def _penalty(self, parameters: Arrays) -> float:
        return self._l2 / 2 * sum(float(np.sum(np.square(parameters[name]))) for name in self._decayed)


@dataclass(frozen=True)
class _Prober:
    here: float
    h: float
    tolerance: float
    r: float

    def probe(self, where: str, cost: CostOf, g: Array, v: Array) -> Probe:
        """Compare the derivatives along `v`."""
        h = self.h
        a = float(np.sum(g * v))
        up, down = cost(h * v), cost(-h * v)
        n = (up - down) / (2 * h)
        error = self._error(a, n)
        if error <= self.tolerance:
            return Probe(where, a, n, error, "agrees")
        # A second look with half the step. Where the cost is smooth, Richardson's extrapolation knows better.
        half_up, half_down = cost(h / 2 * v), cost(-h / 2 * v)
        n_half = (half_up - half_down) / h
        better = (4 * n_half - n) / 3
        if self._error(a, better) <= self.tolerance:
            return Probe(where, a, better, self._error(a, better), "agrees")
        # Where it is not, the two steps disagree. A kink at distance u h, 0 <= u < 1, which bends the slope by d, puts
        # n off by d (1 - u) / 2. It makes n and n_half differ by d u / 2 or more, and the second differences over h,
        # which should halve with h, by d (1 - 3 u): one of the two is 0.4 of n's fault at least. The analytical
        # gradient has no part in this judgement, so that a wrong one is never excused at a smooth place.
        bend = (up - 2 * self.here + down) / h
        bend_half = (half_up - 2 * self.here + half_down) / (h / 2)
        unrest = max(abs(n - n_half), abs(2 * bend_half - bend))
        return Probe(where, a, n, error, "kink" if unrest >= abs(a - n) / 4 else "differs")

    def _error(self, a: float, n: float) -> float:
        return abs(a - n) / (abs(a) + abs(n) + self.r)


def _probes(prober: _Prober, cost: CostOf, g: Array, rng: np.random.Generator, coordinates: int) -> Iterator[Probe]:
    """Directions, then coordinates; what falls on a kink is drawn anew a few times."""
    top = float(np.max(np.abs(g)))
    if top > 0:
        yield prober.probe("the gradient's direction", cost, g, g / top)
    wanted = DIRECTIONS
    for _ in range(REDRAWS * DIRECTIONS):
        probe = prober.probe("a random direction", cost, g, rng.choice([-1.0, 1.0], g.shape))
        yield probe
        wanted -= probe.verdict != "kink"
        if not wanted:
            break
    wanted = min(coordinates, g.size)
    for flat in rng.permutation(g.size)[: REDRAWS * wanted]:
        index = np.unravel_index(flat, g.shape)
        v = np.zeros(g.shape)
        v[index] = 1
        probe = prober.probe(f"[{', '.join(map(str, index))}]", cost, g, v)
        yield probe
        wanted -= probe.verdict != "kink"
        if not wanted:
            break
