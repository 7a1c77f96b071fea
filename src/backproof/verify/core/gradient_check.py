"""Analytical against numerical gradients of a whole network with its loss, tensor by tensor.

Central differences in float64. Every probe moves one tensor along one direction v, and compares

    a = <g, v>                                       the analytical derivative, from the trainer's reverse sweep
    n = (cost(w + h v) - cost(w - h v)) / (2 h)      the numerical one

by the error |a - n| / (|a| + |n| + r), where r is a size that rounding lets nobody measure to the tolerance.
First whole directions (one along the gradient, where the signal is strongest, and random ones), which see every element
at once; then single coordinates, which say where. A probe that crosses a kink, such as ReLU's, is skipped and counted.

Some networks sit on kinks: a sample whose features are all 0, in front of a bias that is still 0 and a ReLU. A tensor
that fails, or of which nothing can be said, is therefore checked at a point nearby, where such kinks are out of reach:
a wrong gradient is wrong there too.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from backproof.engines import Gradients, Mode, Trainer
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.optim import Optimizer
from backproof.verify.core.gradient_report import GradientReport, Probe, TensorCheck, TensorKind
from backproof.verify.core.tolerances import EPSILON

DIRECTIONS = 2
"""Random directions a tensor."""

NEARBY = 100
"""How far away a point nearby is, in steps h."""

TOLERANCE = 1e-7
"""The relative difference that finite differences in float64 explain: above what they lose, below a factor 1.000001."""

REDRAWS = 3
"""How many probes are tried for each that is wanted, when kinks are in the way."""


def check_gradients(
    trainer: Trainer,
    inputs: Arrays,
    mode: Mode,
    optimizer: Optimizer | None = None,
    *,
    rng: np.random.Generator,
    coordinates: int = 10,
    step: float = 1e-5,
    tolerance: float = TOLERANCE,
) -> GradientReport:
    """Check the gradient of every trainable parameter and float input of `trainer`'s network.

    `mode` holds for the probes as for the reverse sweep: the same dropout mask, the same batch statistics. The coupled
    weight decay of `optimizer` is part of the cost. `coordinates` elements are probed in each tensor; h is `step`.
    A cost that is not finite is named by the report. The
    trainer is left as it was, bit for bit. Raises `UserError` for a trainer that is not in float64.
    """
    if trainer.dtype != "float64":
        raise UserError(f"a gradient check needs a trainer in float64, not in {trainer.dtype}")
    before = trainer.parameters()
    cost = _Cost(trainer, mode, optimizer)
    try:
        if not np.isfinite(diverged := cost(before, inputs)):
            return GradientReport((), diverged)
        here = _Point(cost, before, inputs, step, tolerance)
        nearby: _Point | None = None
        checks = []
        for name, kind in here.tensors():
            check = here.check(name, kind, rng, coordinates)
            if not (check.passed and check.checked):
                nearby = nearby or here.moved(rng, NEARBY * step)
                check = _settle(check, nearby.check(name, kind, rng, coordinates))
            checks.append(check)
    finally:
        trainer.load(before)
    return GradientReport(tuple(checks), here.cost)


def _settle(here: TensorCheck, nearby: TensorCheck) -> TensorCheck:
    """One verdict from both points."""
    if nearby.passed and nearby.checked:
        doubtful = [replace(p, verdict="kink") if p.verdict == "differs" else p for p in here.probes]
        return replace(here, probes=(*doubtful, *nearby.probes))
    return here if not here.passed else nearby


class _Cost:
    """The cost as a function of parameters and inputs."""

    def __init__(self, trainer: Trainer, mode: Mode, optimizer: Optimizer | None) -> None:
        self.trainer = trainer
        self.mode = mode
        self.optimizer = optimizer

    def gradients(self, parameters: Arrays, inputs: Arrays) -> Gradients:
        self.trainer.load(parameters)
        return self.trainer.gradients(inputs, self.mode, self.optimizer)

    def __call__(self, parameters: Arrays, inputs: Arrays) -> float:
        graph, optimizer = self.trainer.graph, self.optimizer
        assert graph.loss is not None
        self.trainer.load(parameters)
        loss = float(self.trainer.forward(inputs, self.mode)[graph.loss])
        if optimizer is None:
            return loss
        decayed = (parameters[name] for name, spec in graph.parameters.items() if optimizer.decays(spec))
        return loss + optimizer.l2 / 2 * sum(float(np.sum(np.square(w))) for w in decayed)


class _Point:
    """Where derivatives are compared: parameters, inputs, and the analytical gradients there."""

    def __init__(self, cost: _Cost, parameters: Arrays, inputs: Arrays, step: float, tolerance: float) -> None:
        self._cost = cost
        self._parameters = dict(parameters)
        self._inputs = dict(inputs)
        self._h = step
        self._tolerance = tolerance
        self._gradients = cost.gradients(parameters, inputs)
        self.cost = self._here = cost(parameters, inputs)
        # The cost carries rounding errors of some ε of the numbers that it was computed from, and the difference
        # quotient those over h, however small the derivative is. Below r they alone would exceed the tolerance.
        size = abs(self._here) + float(np.max(np.abs(self._gradients.output)))
        self._r = 4 * EPSILON["float64"] * size / step / tolerance

    def tensors(self) -> Iterator[tuple[str, TensorKind]]:
        yield from ((name, "parameter") for name in self._gradients.parameters)
        yield from ((name, "input") for name in self._gradients.inputs)

    def moved(self, rng: np.random.Generator, distance: float) -> "_Point":
        """A point `distance` away along every trainable parameter and float input."""
        parameters = {
            n: np.asarray(self._parameters[n] + rng.uniform(-distance, distance, g.shape))
            for n, g in self._gradients.parameters.items()
        }
        inputs = {
            n: np.asarray(self._inputs[n] + rng.uniform(-distance, distance, g.shape))
            for n, g in self._gradients.inputs.items()
        }
        return _Point(self._cost, self._parameters | parameters, self._inputs | inputs, self._h, self._tolerance)

    def check(self, name: str, kind: TensorKind, rng: np.random.Generator, coordinates: int) -> TensorCheck:
        """Directions, then coordinates; what falls on a kink is drawn anew a few times."""
        g = (self._gradients.parameters if kind == "parameter" else self._gradients.inputs)[name]

        def cost(change: Array) -> float:
            if kind == "parameter":
                return self._cost(self._parameters | {name: np.asarray(self._parameters[name] + change)}, self._inputs)
            return self._cost(self._parameters, self._inputs | {name: np.asarray(self._inputs[name] + change)})

        probes = []
        top = float(np.max(np.abs(g)))
        if top > 0:
            probes.append(self._probe("the gradient's direction", cost, g, g / top))
        wanted = DIRECTIONS
        for _ in range(REDRAWS * DIRECTIONS):
            probes.append(self._probe("a random direction", cost, g, rng.choice([-1.0, 1.0], g.shape)))
            wanted -= probes[-1].verdict != "kink"
            if not wanted:
                break
        wanted = min(coordinates, g.size)
        for flat in rng.permutation(g.size)[: REDRAWS * wanted]:
            index = np.unravel_index(flat, g.shape)
            v = np.zeros(g.shape)
            v[index] = 1
            probes.append(self._probe(f"[{', '.join(map(str, index))}]", cost, g, v))
            wanted -= probes[-1].verdict != "kink"
            if not wanted:
                break
        return TensorCheck(name, kind, tuple(probes), top)

    def _probe(self, where: str, cost: Callable[[Array], float], g: Array, v: Array) -> Probe:
        """Compare the derivatives along `v`."""
        h = self._h
        a = float(np.sum(g * v))
        up, down = cost(h * v), cost(-h * v)
        n = (up - down) / (2 * h)
        error = self._error(a, n)
        if error <= self._tolerance:
            return Probe(where, a, n, error, "agrees")
        # A second look with half the step. Where the cost is smooth, Richardson's extrapolation knows better.
        half_up, half_down = cost(h / 2 * v), cost(-h / 2 * v)
        n_half = (half_up - half_down) / h
        better = (4 * n_half - n) / 3
        if self._error(a, better) <= self._tolerance:
            return Probe(where, a, better, self._error(a, better), "agrees")
        # Where it is not, the two steps disagree. A kink at distance u h, 0 <= u < 1, which bends the slope by d, puts
        # n off by d (1 - u) / 2. It makes n and n_half differ by d u / 2 or more, and the second differences over h,
        # which should halve with h, by d (1 - 3 u): one of the two is 0.4 of n's fault at least. The analytical
        # gradient has no part in this decision, so that a wrong one is never excused at a smooth place.
        bend = (up - 2 * self._here + down) / h
        bend_half = (half_up - 2 * self._here + half_down) / (h / 2)
        unrest = max(abs(n - n_half), abs(2 * bend_half - bend))
        return Probe(where, a, n, error, "kink" if unrest >= abs(a - n) / 4 else "differs")

    def _error(self, a: float, n: float) -> float:
        return abs(a - n) / (abs(a) + abs(n) + self._r)
