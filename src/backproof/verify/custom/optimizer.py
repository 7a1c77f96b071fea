"""A user's own optimizer: what can be said of it without a reference, and against the PyTorch optimizer beside it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from backproof.engines import Engine, Mode, installed
from backproof.engines.custom import TORCH_OPTIMIZERS
from backproof.engines.inputs import check_optimizer_state
from backproof.graph import Arrays, Sequential, Shape
from backproof.ops import MSE, Linear
from backproof.optim import Optimizer
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.finding import Finding
from backproof.verify.core.location import Location
from backproof.verify.core.tolerances import tolerance
from backproof.verify.optimizers.check import BATCHES, N, settings_of

GRAPH = Sequential(("fc", Linear(1))).build(Shape("N", N)).with_loss(MSE())


def check_custom_optimizer(own: Engine, kind: type[Optimizer]) -> Iterator[Finding]:
    """Findings on the user's update of `kind`, in float64, on the gradients of `optimizers.check`."""
    comparison = FindingBuilder(kind.__name__, "", own.name, "float64")
    start = {name: np.linspace(-1, 1, spec.shape[-1]).reshape(spec.shape) for name, spec in GRAPH.parameters.items()}
    try:
        for case, optimizer in settings_of(kind).items():
            yield from _sane(own, optimizer, start, comparison.on(case))
        yield from _beside(own, kind(), start, comparison)
    except Exception as error:  # a fault of the user's update
        yield comparison.failed(error)


def _sane(own: Engine, optimizer: Optimizer, start: Arrays, comparison: FindingBuilder) -> Iterator[Finding]:
    """Finite after every step, the same twice, and still at a rate of 0."""
    ends = []
    for _ in range(2):
        trainer = own.compile(GRAPH, start, dtype="float64")
        for step, (awkward, batch) in enumerate(BATCHES):
            trainer.train_step(batch, optimizer, Mode(training=True, step=step))
            arrays = trainer.parameters() | trainer.optimizer_state()
            bad = [name for name, value in arrays.items() if not np.all(np.isfinite(value))]
            if bad:
                yield comparison.contract(
                    "finite", f"after step {step + 1} ({awkward} gradients) {bad[0]} is not finite"
                )
                return
        check_optimizer_state(GRAPH, optimizer, trainer.optimizer_state())
        ends.append(arrays)
    yield comparison.contract("finite")
    same = all(np.array_equal(value, ends[1][name]) for name, value in ends[0].items())
    yield comparison.contract("the same again", "" if same else "two runs from the same start end apart")
    still = own.compile(GRAPH, start, dtype="float64")
    still.train_step(BATCHES[0][1], replace(optimizer, lr=0.0), Mode(training=True))
    moved = [name for name, value in still.parameters().items() if not np.array_equal(value, start[name])]
    yield comparison.contract("a rate of 0 moves nothing", f"{moved[0]} moves" if moved else "")


def _beside(own: Engine, optimizer: Optimizer, start: Arrays, comparison: FindingBuilder) -> Iterator[Finding]:
    """Weights after each step, against PyTorch's optimizer on the same gradients."""
    comparison = comparison.against("PyTorch expression")
    weight = Location("parameter", "weight")
    if type(optimizer) not in TORCH_OPTIMIZERS or not installed("torch"):
        beside = type(optimizer) in TORCH_OPTIMIZERS
        why = "PyTorch is not installed" if beside else "there is no PyTorch optimizer beside it"
        yield comparison.skipped(weight, why)
        return
    from backproof.engines.torch.expression import weights_after

    trainer = own.compile(GRAPH, start, dtype="float64")
    gradients, weights = [], []
    for step, (_, batch) in enumerate(BATCHES):
        mode = Mode(training=True, step=step)
        gradients.append(trainer.gradients(batch, mode, optimizer).parameters["fc.weight"])
        trainer.train_step(batch, optimizer, mode)
        weights.append(trainer.parameters()["fc.weight"])
    expected = weights_after(TORCH_OPTIMIZERS[type(optimizer)], optimizer, start["fc.weight"], gradients)
    for step, (found, right) in enumerate(zip(weights, expected, strict=True)):
        at_step = comparison.on(f"as it is, step {step + 1} ({BATCHES[step][0]} gradients)")
        yield at_step.array(weight, found, right, (step + 1) * tolerance("float64", N))
