"""Small networks in every engine, over several training steps on batches of different sizes, in one trainer.

Each step begins where the reference stands, so that the wrong step is named. Compared are what `gradients` gives, what
a step makes of weights, statistics and optimizer state, the values of all nodes, and a prediction. Then all steps in a
row, which go on from the engine's own numbers: each is also taken by a trainer that has done other things before, from
weights and optimizer state that were read and loaded, and must give the same. So what a trainer keeps besides them,
buffers above all, plays no part.

The gradients of the first step are compared with finite differences too, those of the reference itself among them: the
reverse sweep is one for all hand-written engines.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import cycle, islice
from time import perf_counter

import numpy as np

from backproof.engines import DType, Engine, Mode, Trainer, reference_engine, variants
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import ROOM, Case, Results, results, sensitivity
from backproof.verify.core.failure import Failure, Keep, kept
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.gradient_check import TOLERANCE, check_gradients
from backproof.verify.core.location import EVERYTHING, LOSS, OUTPUT, Location
from backproof.verify.core.rounding import rounded
from backproof.verify.core.tolerances import difference, tolerance
from backproof.verify.core.ways import Ways
from backproof.verify.optimizers.place import Place
from backproof.verify.steps.networks import NETWORKS, SmallNetwork


def check_networks(
    engines: Sequence[Engine],
    names: Sequence[str] | None = None,
    *,
    seed: int = 0,
    dtypes: Sequence[DType] = ("float64", "float32"),
    reference: Engine | None = None,
    keep: Keep | None = None,
) -> CheckReport:
    """Train small networks (all of `NETWORKS`, if None) for a few steps, and compare with the reference after each.

    An engine's variants are trained too; their findings say so in their case.
    The reference is by default the reference engine over whole arrays, in float64. Weights and batches are drawn from
    `seed`. `keep` is called with every step that differs.
    """
    reference = reference or reference_engine(vectorised=True)
    reports = []
    for name in NETWORKS if names is None else names:
        start = perf_counter()
        with np.errstate(all="ignore"):  # what is not finite is found by comparison
            small = NETWORKS[name]()
            runs = {dtype: _Run(reference, small, seed, dtype) for dtype in dtypes}
            ways = Ways()
            findings = tuple(
                f
                for engine in engines
                for variant, varied in variants(engine).items()
                for run in runs.values()
                for f in _check(varied, variant, name, run, dtypes[0], keep, ways)
            )
        reports.append(CheckReport(name, findings, {name: perf_counter() - start}, ways.taken))
    return CheckReport.joined("networks", reports)


@dataclass(frozen=True)
class Step:
    """One step of the reference.

    Attributes:
        case: weights before it, batch and mode, all floats rounded to the engine's dtype.
        state: the optimizer's, before it, rounded too.
        gradients: what `Trainer.gradients` gives.
        after: weights, statistics, optimizer state, loss, penalty and output of the step.
        values: of every node, in the step.
        predicted: with the weights before the step, in either mode.
    """

    case: Case
    state: Arrays
    gradients: Results
    after: Results
    values: Results
    predicted: Results


class _Run:
    """The reference's training of one network, on the numbers that an engine of this dtype is given."""

    def __init__(self, reference: Engine, small: SmallNetwork, seed: int, dtype: DType) -> None:
        self.reference = reference
        self.dtype = dtype
        self.graph = small.graph
        self.optimizer = small.optimizer
        self.batches = small.batches
        self.seed = seed

    @cached_property
    def start(self) -> Arrays:
        """Weights without the symmetry of initial ones; variances and scales are positive."""
        rng = np.random.default_rng(self.seed)
        found = {
            name: rng.standard_normal(spec.shape) / np.sqrt(spec.fan_in)
            if spec.trainable and spec.initializer not in ("ones",)
            else rng.uniform(0.5, 1.5, spec.shape) - name.endswith(".running_mean")  # 0 in the middle: no ReLU is dead
            for name, spec in self.graph.parameters.items()
        }
        return rounded(found, self.dtype)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Each from where the one before led, rounded."""
        trainer = self.reference.compile(self.graph, self.start, dtype="float64")
        trainer.load_optimizer_state(self.optimizer, {})
        found = []
        for number in range(len(self.batches)):
            before = Place(rounded(trainer.parameters(), self.dtype), rounded(trainer.optimizer_state(), self.dtype))
            trainer.load(before.parameters)
            trainer.load_optimizer_state(self.optimizer, before.state)
            case = Case(self.graph, before.parameters, self.batch(number), self.mode(number))
            gradients, predicted = results(trainer, case), predict(trainer, case)
            values: dict[str, Array] = {}

            def watch(node: str, direction: str, array: Array, values: dict[str, Array] = values) -> None:
                if direction == "forward":
                    values[node] = array.copy()

            after = self.take(trainer, case.inputs, case.mode, watch)
            found.append(Step(case, before.state, gradients, after, _by_node(values), predicted))
        return tuple(found)

    @cached_property
    def evaluated(self) -> Results:
        """What `gradients` gives in evaluation mode, with the weights before the first step."""
        case = self.steps[0].case
        trainer = self.reference.compile(self.graph, case.parameters, dtype="float64")
        return results(trainer, in_evaluation(case))

    def batch(self, number: int) -> Arrays:
        """Standard normal inputs and targets, or classes."""
        rng = np.random.default_rng((self.seed, number))
        n, classes = self.batches[number], self.graph.shapes[self.graph.output]
        drawn = {
            i.name: rng.standard_normal(i.shape.bind(n))
            if i.kind == "float"
            else rng.integers(0, int(classes[1]), i.shape.bind(n))
            for i in self.graph.inputs
        }
        return rounded(drawn, self.dtype)

    def mode(self, number: int) -> Mode:
        """In training."""
        return Mode(training=True, seed=self.seed, step=number)

    def take(self, trainer: Trainer, inputs: Arrays, mode: Mode, watch: Callable[..., None] | None = None) -> Results:
        """All that a step gives and leaves."""
        step = trainer.train_step(inputs, self.optimizer, mode, watch)
        given = {LOSS: np.array(step.loss), Location("cost"): np.array(step.cost), OUTPUT: step.output.copy()}
        return given | place(trainer)

    def apart(self, trainer: Trainer, inputs: Arrays, mode: Mode) -> Results:
        """The same by `gradients` and `apply`."""
        step = trainer.gradients(inputs, mode, self.optimizer)
        trainer.apply(step, self.optimizer, mode)
        given = {LOSS: np.array(step.loss), Location("cost"): np.array(step.cost), OUTPUT: step.output}
        return given | place(trainer)


def in_evaluation(case: Case) -> Case:
    """The same with running statistics and without masks."""
    return replace(case, mode=replace(case.mode, training=False))


def place(trainer: Trainer) -> Results:
    """Weights, statistics and optimizer state."""
    return Place.of(trainer).arrays


def predict(trainer: Trainer, case: Case) -> Results:
    """Prediction and loss, the former without targets too; in evaluation mode and, one after the other, in training."""
    graph = case.graph
    targets = {i.name for i in graph.inputs} - {i.name for i in graph.without_loss().inputs}
    samples = {name: x for name, x in case.inputs.items() if name not in targets}
    found: Results = {}
    for training in (False, True):
        mode, words = replace(case.mode, training=training), "in training" if training else "in evaluation"
        alone = trainer.forward(samples, mode)[graph.output]  # first, so that no targets of before can stand in
        found |= _in_mode(trainer.forward(case.inputs, mode), words)
        found[Location("output", f"{graph.output} {words}, without targets")] = alone
    return found


def _by_node(values: Mapping[str, Array]) -> Results:
    return {Location("output", name): value for name, value in values.items()}


def _check(
    engine: Engine, variant: str, name: str, run: _Run, first: DType, keep: Keep | None, ways: Ways
) -> Iterator[Finding]:
    """The findings on one engine and dtype.

    An engine that compiles every batch size anew keeps nothing from one to the next: of it the `first` dtype is
    checked, and steps on batches of one size.
    """
    compiles = engine.capabilities.speed == "compiles"
    replay = f"backproof check network {name} --engines {engine.name} --dtype {run.dtype}"
    comparison = FindingBuilder(name, "", engine.name, run.dtype, run.reference.name, replay, variant)
    if not engine.capabilities.trains:
        yield comparison.skipped(EVERYTHING, f"engine '{engine.name}' cannot train")
        return
    if variant and engine.name == run.reference.name:
        return  # its other form stands for it
    if compiles and run.dtype != first:
        yield comparison.skipped(EVERYTHING, f"engine '{engine.name}' compiles each network anew; {first} is checked")
        return
    if engine.name == run.reference.name:
        engine = run.reference  # the same formulas, and sooner
    try:
        trainer = engine.compile(run.graph, run.start, dtype=run.dtype)
    except UserError as error:
        yield comparison.skipped(EVERYTHING, str(error))
        return
    steps = [step for step in run.steps if not compiles or step.case.samples == run.batches[0]]
    try:
        if run.dtype == "float64":
            yield from _numbers(trainer, run, comparison.on(f"step 1 on {_samples(run.batches[0])}, gradients"))
        if engine.name == run.reference.name:
            return
        for step in steps:
            at_step = comparison.on(f"step {step.case.mode.step + 1} on {_samples(step.case.samples)}")
            yield from _one_step(trainer, run, step, at_step, keep)
        yield from _in_a_row(engine, trainer, run, steps, comparison, ways)
        if not compiles:
            at_first = comparison.on(f"step 1 on {_samples(steps[0].case.samples)}")
            trainer.load(steps[0].case.parameters)
            evaluated = results(trainer, in_evaluation(steps[0].case))
            yield from _compare("gradients in evaluation", evaluated, run.evaluated, run, steps[0], at_first)
            yield _watched(trainer, run, steps[0], at_first.on(f"{at_first.case}, watched"))
            yield from _without_loss(engine, run, steps[0], comparison)
        ways.add(engine.name, trainer)
    except Exception as error:  # whatever an engine makes of a good network, the check goes on
        yield comparison.on("training").failed(error)


def _numbers(trainer: Trainer, run: _Run, comparison: FindingBuilder) -> Iterator[Finding]:
    """The gradient of the cost against finite differences along whole directions: it sees a fault that all share."""
    case, rng = run.steps[0].case, np.random.default_rng(run.seed)
    trainer.load(case.parameters)
    report = check_gradients(trainer, case.inputs, case.mode, run.optimizer, rng=rng, coordinates=0)
    numbers = comparison.against("finite differences")
    yield from (numbers.gradient(tensor, TOLERANCE) for tensor in report.tensors)


def _samples(count: int) -> str:
    return f"{count} sample{'s' * (count != 1)}"


def _one_step(
    trainer: Trainer, run: _Run, step: Step, comparison: FindingBuilder, keep: Keep | None
) -> Iterator[Finding]:
    """A step from where the reference stands, and all that may be asked for before it."""
    case = step.case
    trainer.load(case.parameters)
    trainer.load_optimizer_state(run.optimizer, step.state)
    yield from _compare("gradients", results(trainer, case), step.gradients, run, step, comparison, keep)
    names = [location.name for location in step.values]
    values = _by_node(trainer.forward(case.inputs, case.mode, names))
    yield from _compare("every value", values, step.values, run, step, comparison)
    yield from _compare("prediction", predict(trainer, case), step.predicted, run, step, comparison)
    after = run.take(trainer, case.inputs, case.mode)
    yield from _compare("training step", after, step.after, run, step, comparison)


def _watched(trainer: Trainer, run: _Run, step: Step, comparison: FindingBuilder) -> Finding:
    """A watcher sees each value and each gradient once, however often they are computed."""
    seen = Counter[tuple[str, str]]()
    run.take(trainer, step.case.inputs, step.case.mode, lambda node, direction, _: seen.update([(node, direction)]))
    again = [f"the {direction} pass of '{node}' is seen {n} times" for (node, direction), n in seen.items() if n > 1]
    return comparison.contract("seen once", "; ".join(again[:2]))


def _without_loss(engine: Engine, run: _Run, step: Step, comparison: FindingBuilder) -> Iterator[Finding]:
    """All predictions of the network that has no loss, where fewer nodes take a value."""
    case, whole = step.case, run.graph
    nodes = tuple(node for node in whole.nodes if node.name not in whole.loss_nodes)
    taken = {name for node in nodes for name in node.inputs}
    inputs = tuple(i for i in whole.inputs if i.name in taken)
    graph = replace(whole, inputs=inputs, nodes=nodes, loss=None)
    samples = {i.name: case.inputs[i.name] for i in inputs}
    comparison = comparison.on(f"{_samples(case.samples)}, without the loss")
    for training in (False, True):
        trainer = engine.compile(graph, case.parameters, dtype=run.dtype)
        words = "in training" if training else "in evaluation"
        found = _in_mode(trainer.forward(samples, replace(case.mode, training=training)), words)
        expected = {at: value for at, value in step.predicted.items() if at in found}
        yield from _compare(f"prediction {words}", found, expected, run, step, comparison)


def _in_mode(values: Mapping[str, Array], words: str) -> Results:
    return {Location("output", f"{name} {words}"): np.asarray(value) for name, value in values.items()}


def _compare(
    what: str,
    found: Results,
    expected: Results,
    run: _Run,
    step: Step,
    comparison: FindingBuilder,
    keep: Keep | None = None,
) -> Sequence[Finding]:
    """Every array against the reference's."""
    case = step.case
    comparison = comparison.on(f"{comparison.case}, {what}")
    missing = [str(location) for location in expected if location not in found]
    if missing:
        return [comparison.contract(what, f"{' and '.join(missing)} is missing")]
    allowed = tolerance(comparison.dtype, case.terms)
    if any(not difference(found[at], y) <= allowed for at, y in expected.items()):
        # Rarely needed, and it takes the reference some more runs. A step is no larger than a gradient.
        everything = {**step.gradients, **step.values}
        allowed += ROOM * sensitivity(partial(_everything, run.reference), case, everything, comparison.dtype)
    findings = [comparison.array(at, found[at], y, allowed) for at, y in expected.items()]
    return kept(findings, keep, Failure(comparison, case, found, expected, allowed))


def _everything(engine: Engine, case: Case) -> Results:
    """Gradients, and the values of all nodes."""
    trainer = engine.compile(case.graph, case.parameters, dtype="float64")
    values = trainer.forward(case.inputs, case.mode, [node.name for node in case.graph.nodes])
    return {**results(trainer, case), **_by_node(values)}


def _in_a_row(
    engine: Engine, other: Trainer, run: _Run, steps: Sequence[Step], comparison: FindingBuilder, ways: Ways
) -> Iterator[Finding]:
    """All steps by one trainer, in every way that there is, and each again by `other` from what was read and loaded."""
    trainer = engine.compile(run.graph, run.start, dtype=run.dtype)  # its first step makes the optimizer's state
    steppers: tuple[tuple[str, Callable[..., Results]], ...] = (
        ("train_step", run.take),
        ("gradients and apply", run.apart),
        ("train_step, watched", partial(run.take, watch=lambda node, direction, array: None)),  # noqa: ARG005
    )
    first = run.dtype == "float32"  # which of them is the first of all
    for step, (name, take) in zip(steps, islice(cycle(steppers), first, None), strict=False):
        before = Place.of(trainer)
        found = take(trainer, step.case.inputs, step.case.mode)
        other.load(before.parameters)
        other.load_optimizer_state(run.optimizer, before.state)
        again = run.take(other, step.case.inputs, step.case.mode)
        at_step = comparison.on(f"step {step.case.mode.step + 1} of all in a row by {name}").against("contract")
        yield _same(found, again, tolerance(run.dtype, step.case.terms), at_step)
    ways.add(engine.name, trainer)


def _same(found: Results, again: Results, allowed: float, comparison: FindingBuilder) -> Finding:
    """Nothing but weights and optimizer state plays a part."""
    location = Location("contract", "the same from weights and optimizer state loaded")
    findings = []
    for at, value in again.items():
        finding = comparison.array(location, found.get(at), value, allowed)
        findings.append(replace(finding, detail=f"{at}: {finding.detail}" if finding.detail else ""))
    return max(findings, key=lambda f: f.badness)
