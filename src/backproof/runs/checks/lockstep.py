"""`--check-against`: a second engine in lockstep takes the same steps on the same bytes, and the results are compared.

Before a step the second engine gets the run's weights, statistics and optimizer state; then both take the step. So
every step stands for itself, and rounding has no time to grow. What rounding explains is measured where it is needed:
the second engine, and the reference engine, take the step again from weights that are off by some rounding, until that
explains what is found.
The run's own trainer is only read. Where the two part, either may be wrong: the reference engine looks at each node of
both, and where all are right, it takes the step too.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

import numpy as np

from backproof.engines import DType, Engine, Trainer, get_engine, reference_engine, require_trainer
from backproof.errors import ModelError, OptionError
from backproof.graph import Array, Arrays
from backproof.runs.checks.reaction import react
from backproof.runs.prepare import Prepared
from backproof.train.events import EnginesCompared, Observer, StepDone, StepStarting
from backproof.verify import Finding, check_model
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.rounding import with_rounded_loss, with_rounded_norms
from backproof.verify.networks.dispute import Dispute, Voice, bystanders, settle
from backproof.verify.training.state import (
    DRAWS,
    Explained,
    Tensor,
    compare_states,
    least_allowed,
    look,
    part_of,
    perturb,
    step_and_look,
)


class Lockstep(Observer):
    """Compares every so many steps, the first included, until the engines part."""

    def __init__(self, prepared: Prepared, report: Callable[[EnginesCompared], None]) -> None:
        options = prepared.spec.training
        self._every = options.check_every
        self._reaction = options.check_against_action
        self._prepared = prepared
        self._other = second_trainer(prepared)
        self._name = options.check_against
        self._dtype = prepared.spec.engine.dtype  # rounding is the run's, whatever the second engine computes in
        self._report = report
        self._before: tuple[dict[str, Array], dict[str, Array]] = {}, {}
        self._found: dict[Tensor, Array] = {}
        self._starting: StepStarting | None = None
        self._parted = False

    def step_starting(self, event: StepStarting) -> None:
        """Note where the run stands."""
        self._starting = None
        if event.progress.step % self._every == 0 and not self._parted:
            self._starting = event
            self._before = event.trainer.parameters(), event.trainer.optimizer_state()

    def step_done(self, event: StepDone) -> None:
        """Take the step too, compare, report, and react. Raises `UserError` where a difference is to end the run."""
        start = self._starting
        if start is None:
            return
        with np.errstate(all="ignore"):
            self._found = look(start.trainer, event.result.cost)
            wrong = self._differences(start, self._found)
        epoch, step = event.progress.epoch, event.progress.step
        if not wrong:
            self._report(EnginesCompared(epoch, step, True, f"epoch {epoch}, step {step}: {self._name} agrees"))
            return
        self._parted = True
        with np.errstate(all="ignore"):
            message = f"epoch {epoch}, step {step}: {self._verdict(wrong[0], start)}"
        self._report(EnginesCompared(epoch, step, False, message))
        react(self._reaction, f"engines part: {message}")

    def _differences(self, start: StepStarting, found: dict[Tensor, Array]) -> list[Finding]:
        """What rounding does not explain, in the order in which an error gets there."""
        right = self._step(self._other, start)
        allowed = Explained(least_allowed(self._other.graph, len(start.batch.y), self._dtype))
        wrong = self._compare(found, right, allowed)
        if wrong:  # only now is it worth the time to see what rounding may do here
            known = [(right, self._perturbed(second_engine(self._name), self._other.dtype))]
            with suppress(ModelError):  # the reference engine, which shows what cancels, may lack a kernel
                exact = self._step(self._compiled(reference_engine(vectorised=True)), start)
                known.append((exact, self._perturbed(reference_engine(vectorised=True), "float64")))
            for draw in range(DRAWS):
                for unmoved, perturbed in known:
                    allowed.add(unmoved, self._step(perturbed, start, np.random.default_rng(draw)))
                wrong = self._compare(found, right, allowed)
                if not wrong:
                    break
        return sorted(wrong, key=part_of)

    def _compare(self, found: dict[Tensor, Array], right: dict[Tensor, Array], allowed: Explained) -> list[Finding]:
        comparison = FindingBuilder("", "step", self._prepared.engine.name, self._dtype, self._name)
        findings = compare_states(found, right, allowed, comparison)
        return [finding for finding in findings if not finding.passed]

    def _step(
        self, trainer: Trainer, start: StepStarting, rng: np.random.Generator | None = None
    ) -> dict[Tensor, Array]:
        """The step as a trainer of the second engine takes it; with `rng` from weights off by some rounding."""
        parameters, state = self._before
        optimizer = self._prepared.optimizer
        trainer.load(parameters)
        trainer.load_optimizer_state(optimizer, state)
        if rng is not None:
            perturb(trainer, optimizer, len(start.batch.y), self._dtype, rng)
        return step_and_look(trainer, start.inputs, optimizer, start.mode)

    def _perturbed(self, engine: Engine, dtype: DType) -> Trainer:
        """An engine with rounding in the gradient of the loss, and where normalisations cancel if it can."""
        graph = with_rounded_loss(self._other.graph, self._dtype)
        engine = with_rounded_norms(engine, self._dtype, np.random.default_rng(0))
        return engine.compile(graph, self._before[0], dtype=dtype)

    def _verdict(self, first: Finding, start: StepStarting) -> str:
        """Who is wrong, in what, and at which node, if it is one: the same batch, in trainers of their own."""
        inputs: Arrays = {name: np.array(a) for name, a in start.inputs.items()}
        both = [self._prepared.engine, second_engine(self._name)]
        # The reference engine is held against them there anyway.
        checked = [engine for engine in both if engine.name != reference_engine().name]
        report = check_model(self._prepared.graph, self._before[0], inputs, checked, mode=start.mode)
        wrong = list(dict.fromkeys(f.engine for f in report.failures))
        if wrong:
            return "; ".join([self._sentence(first, wrong), *map(report.sentence, wrong)])
        dispute = self._at_step(first, start, both)
        sides = "; ".join(filter(None, [f"{', '.join(dispute.wrong)} is wrong" if dispute.wrong else "", str(dispute)]))
        return (
            f"{self._sentence(first, dispute.wrong)}; {sides}; every node is right in the forward and backward pass, "
            f"so look at the update of weights and statistics"
        )

    def _sentence(self, first: Finding, wrong: Collection[str]) -> str:
        """Where they part; the first of them is wrong, if one is."""
        one, other = first.engine, first.reference
        if other in wrong and one not in wrong:
            one, other = other, one
        return (
            f"{one} parts from {other} in {first.what} of {first.subject}, off by {first.error:.2g} where rounding "
            f"explains {first.tolerance:.2g}"
        )

    def _at_step(self, first: Finding, start: StepStarting, both: Sequence[Engine]) -> Dispute:
        """The two, the reference engine, and others if need be, side by side on the first tensor that differs."""
        own, other = both
        key = first.subject, first.location
        voices = [Voice(own, self._found[key]), Voice(other, self._step(self._other, start)[key])]
        names = [engine.name for engine in both]
        reference = reference_engine(vectorised=True)
        if reference.name in names:
            voices.sort(key=lambda voice: voice.engine.name != reference.name)
        else:
            voices.insert(0, Voice(reference, self._step(self._compiled(reference), start)[key]))
        others = bystanders(self._prepared.graph, [voice.engine for voice in voices])
        more = (Voice(engine, self._step(self._compiled(engine), start)[key]) for engine in others)
        dispute, _ = settle(first.subject, first.location, voices, first.tolerance, more)
        return dispute

    def _compiled(self, engine: Engine) -> Trainer:
        dtype = engine.capabilities.nearest_dtype("float64")
        return engine.compile(self._prepared.graph, self._before[0], dtype=dtype)


def second_engine(name: str) -> Engine:
    """The engine called so; the reference engine over whole arrays, as its plain loops would take long at each step."""
    return reference_engine(vectorised=True) if name == reference_engine().name else get_engine(name)


def second_trainer(prepared: Prepared) -> Trainer:
    """The engine to compare with, ready. Raises `UserError` if it is unknown, not installed or lacks something."""
    spec = prepared.spec
    name = spec.training.check_against
    if name == prepared.engine.name:
        raise OptionError("{check_against:{}} is the run's own engine; name another one", name)
    engine = require_trainer(second_engine(name), "check_against")
    dtype = engine.capabilities.nearest_dtype(spec.engine.dtype)
    trainer = engine.compile(prepared.graph, prepared.trainer.parameters(), dtype=dtype)
    trainer.load_optimizer_state(prepared.optimizer, {})
    return trainer
