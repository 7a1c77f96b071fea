"""What an optimizer declares for all engines at once: its rate at each step, what decays, what its state starts at.

Engines take these numbers from the declaration, the reference too, so that comparing engines says nothing of them. Here
they are worked out a second time, in other words, for the optimizers and schedules that backproof brings.
"""

from collections.abc import Iterator
from math import cos, exp, log, pi, prod

from backproof.graph import ParameterSpec
from backproof.optim import Adagrad, Constant, Cosine, Exponential, Momentum, Optimizer, Schedule, Step
from backproof.registry import is_built_in
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.finding import Finding

STEPS = (*range(400), 1_000, 100_000)
"""The steps whose rates are looked at."""


def check_declared(optimizer: Optimizer, comparison: FindingBuilder) -> Iterator[Finding]:
    """A finding for each kind of number."""
    if not (is_built_in(type(optimizer).__module__) and is_built_in(type(optimizer.schedule).__module__)):
        return
    yield comparison.contract(
        "learning rate", _differs({f"at step {s + 1}": (optimizer.rate(s), _rate(optimizer, s)) for s in STEPS})
    )
    yield comparison.contract(
        "start of state",
        _differs(
            {
                f"'{slot}'": (
                    optimizer.initial_slot(slot),
                    optimizer.initial_sum if isinstance(optimizer, Adagrad) else 0.0,
                )
                for slot in optimizer.slots
            }
        ),
    )
    coupled = optimizer.decay == "coupled"
    strength = {"λ in the cost": (optimizer.l2, optimizer.weight_decay if coupled else 0.0)}
    for words, spec, decayed in (
        ("decay of a weight", ParameterSpec(shape=(1,), decay=True), True),
        ("decay of a bias", ParameterSpec(shape=(1,)), optimizer.decay_all),
        ("decay of a statistic", ParameterSpec(shape=(1,), decay=True, trainable=False), False),
    ):
        strength[words] = float(optimizer.decays(spec)), float(decayed and optimizer.weight_decay != 0)
    yield comparison.contract("decay", _differs(strength))
    if isinstance(optimizer, Momentum):
        shares = {f"at step {t}": (optimizer.share(t), 1.0 - optimizer.dampening * (t != 1)) for t in (1, 2, 3, 1000)}
        yield comparison.contract("share of the gradient", _differs(shares))


def _differs(numbers: dict[str, tuple[float, float]]) -> str:
    """The first that is declared otherwise than it should be, in words; empty if none is."""
    largest = max((abs(right) for _, right in numbers.values()), default=0.0)
    for words, (found, right) in numbers.items():
        if not abs(found - right) <= 1e-12 * largest:
            return f"{words}: {found!r}, not {right!r}"
    return ""


def _rate(optimizer: Optimizer, step: int) -> float:
    falling = 1 + step * optimizer.lr_decay if isinstance(optimizer, Adagrad) else 1.0
    return optimizer.lr * _factor(optimizer.schedule, step) / falling


def _factor(schedule: Schedule, step: int) -> float:
    """Warm-up: `warmup` equal steps up to 1. A period of Step: one factor more. (1 + cos x) / 2 is cos² (x / 2)."""
    if step < schedule.warmup:
        return 1 - (schedule.warmup - 1 - step) / schedule.warmup
    t = step - schedule.warmup
    match schedule:
        case Constant():
            return 1.0
        case Step():
            return prod(schedule.gamma for _ in range(schedule.every, t + 1, schedule.every))
        case Exponential():
            return exp(log(schedule.gamma) * t / schedule.every) if schedule.gamma else float(t == 0)
        case Cosine():
            half = cos(pi / 2 * min(1.0, t / schedule.steps))
            return schedule.floor + (1 - schedule.floor) * half * half
    raise NotImplementedError(f"the rate of the schedule {type(schedule).__name__}")
