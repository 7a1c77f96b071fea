"""The state of a training after a step, tensor by tensor, and what may be said of two of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np

from backproof.engines import DType, Mode, Trainer
from backproof.graph import Array, Arrays, Graph
from backproof.optim import Optimizer
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import Location
from backproof.verify.core.rounding import perturbed
from backproof.verify.core.tolerances import relative, tolerance

Tensor = tuple[str, Location]
"""A parameter (or the training itself), and which part of the state."""

PARTS = ("cost", "state", "optimizer state", "weights")
"""The parts of a training's state, in the order in which an error gets there."""

DRAWS = 16
"""Steps or trainings with random rounding, at most, to see what rounding explains of a difference.

A ReLU or a maximum whose inputs are equal but for rounding may be decided otherwise in each engine; about half of the
draws decide it otherwise, too. Two draws overlook such a kink one time in four, and sixteen one time in 65,536.
"""

ROOM = 8
"""How much more than the largest of those draws may be attributed to rounding."""


@dataclass(frozen=True)
class Explained:
    """How far each tensor may be off, relative to its size: `least`, and what draws with random rounding add."""

    least: float
    moved: dict[Tensor, float] = field(default_factory=dict)

    def add(self, right: Mapping[Tensor, Array], drawn: Mapping[Tensor, Array]) -> None:
        """Take one more draw into account."""
        for key, value in right.items():
            self.moved[key] = max(self.moved.get(key, 0.0), relative(drawn[key], value))

    def __getitem__(self, key: Tensor) -> float:
        return self.least + ROOM * self.moved.get(key, 0.0)

    @property
    def largest(self) -> float:
        """Of any tensor."""
        return self.least + ROOM * max(self.moved.values(), default=0.0)


def part_of(finding: Finding) -> int:
    """The place in `PARTS` of what a finding is about."""
    return PARTS.index(finding.location.kind)


def step_and_look(trainer: Trainer, batch: Arrays, optimizer: Optimizer, mode: Mode) -> dict[Tensor, Array]:
    """Take a training step; then everything that it made."""
    return look(trainer, trainer.train_step(batch, optimizer, mode).cost)


def look(trainer: Trainer, cost: float) -> dict[Tensor, Array]:
    """Everything that a step made whose cost was `cost`."""
    trainable = {name for name, spec in trainer.graph.parameters.items() if spec.trainable}
    parameters = trainer.parameters()
    found: dict[Tensor, Array] = {("training", Location("cost")): np.array(cost)}
    found |= {(name, Location("state")): value for name, value in parameters.items() if name not in trainable}
    for name, value in trainer.optimizer_state().items():
        slot, _, parameter = name.partition("/")
        found[parameter, Location("optimizer state", slot)] = value
    return found | {(name, Location("weights")): parameters[name] for name in parameters if name in trainable}


def perturb(trainer: Trainer, optimizer: Optimizer, samples: int, dtype: DType, rng: np.random.Generator) -> None:
    """Put as much rounding on every weight, statistic and number of the optimizer's state as sums of this size have.

    One rounding alone would be too little: a gradient is a sum over the batch, which each engine adds up in an order
    of its own, and an optimizer that divides by the size of small gradients (Adam) shows it in the weights.
    """
    roundings = sqrt(longest_sum(trainer.graph, samples))
    trainer.load(perturbed(trainer.parameters(), dtype, rng, roundings=roundings))
    state = perturbed(trainer.optimizer_state(), dtype, rng, roundings=roundings)
    if state:  # by factors near 1: a sum of squares stays positive
        trainer.load_optimizer_state(optimizer, state)


def longest_sum(graph: Graph, samples: int) -> int:
    """About the most terms that make a single number: a unit's inputs, a channel over the batch."""
    fans = [spec.fan_in for spec in graph.parameters.values()]
    channels = [samples * shape.size // shape.per_sample[0] for shape in graph.shapes.values() if shape.per_sample]
    return max(1, *fans, *channels)


def least_allowed(graph: Graph, samples: int, dtype: DType) -> float:
    """The tolerance of the longest sum."""
    return tolerance(dtype, longest_sum(graph, samples))


def compare_states(
    found: Mapping[Tensor, Array], right: Mapping[Tensor, Array], allowed: Explained, comparison: FindingBuilder
) -> list[Finding]:
    """A finding for each tensor."""
    return [
        replace(comparison, subject=subject).scaled(
            location, found.get((subject, location)), expected, allowed[subject, location]
        )
        for (subject, location), expected in right.items()
    ]
