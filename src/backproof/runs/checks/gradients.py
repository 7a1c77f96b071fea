"""`--gradient-checks`: numerical against analytical gradients, on the minibatch of a step that is about to be taken.

The check computes in float64 on a twin of the trainer with the same weights, so it does not touch the run.
"""

from collections.abc import Callable

import numpy as np

from backproof.engines import Trainer
from backproof.runs.checks.reaction import react
from backproof.runs.prepare import Prepared
from backproof.train.events import GradientsChecked, Observer, StepStarting
from backproof.verify import GradientReport, check_gradients


class GradientChecks(Observer):
    """Checks before every so many steps, the first included, in the mode and with the decay of the step itself.

    Attributes:
        made, failed: how many checks there were so far; where the cost is not finite none is made.
        error: the largest relative error of any.
    """

    def __init__(self, prepared: Prepared, report: Callable[[GradientsChecked], None]) -> None:
        options = prepared.spec.training
        self._every = options.gradient_check_every
        self._reaction = options.gradient_checks
        self._seed = prepared.spec.model.model_seed
        self._optimizer = prepared.optimizer
        self._twin = float64_twin(prepared)
        self._report = report
        self.made = self.failed = 0
        self.error = 0.0

    def step_starting(self, event: StepStarting) -> None:
        """Check, report, and react where gradients differ. Raises `UserError` where that is to end the run."""
        progress = event.progress
        if progress.step % self._every:
            return
        self._twin.load(event.trainer.parameters())
        rng = np.random.default_rng((self._seed, progress.step))
        report = check_gradients(self._twin, event.inputs, event.mode, self._optimizer, rng=rng)
        passed = not report.failures and not report.diverged
        self.made += not report.diverged
        self.failed += bool(report.failures)
        self.error = max(self.error, report.error)
        step = progress.step + 1
        message = f"epoch {progress.epoch}, step {step}: {_summary(report)}"
        self._report(GradientsChecked(progress.epoch, step, passed, report.error, message))
        if not passed:
            react(self._reaction, message if report.diverged else f"gradient check failed: {message}")


def float64_twin(prepared: Prepared) -> Trainer:
    """A trainer with the same weights in float64. Raises `UserError` if engine or device have none."""
    parameters, device = prepared.trainer.parameters(), prepared.spec.engine.device
    return prepared.engine.compile(prepared.graph, parameters, dtype="float64", device=device)


def _summary(report: GradientReport) -> str:
    """One sentence: what is wrong, or how well all agree, how large they are, and what could not be checked."""
    if report.diverged:
        return str(report)
    if report.failures:
        return "; ".join(map(str, report.failures))
    checked = len(report.tensors) - len(report.unchecked)
    summary = f"gradients of {checked} tensors agree, largest error {report.error:.1e}, {report.kinks} probes at kinks"
    sizes = sorted(report.tensors, key=lambda tensor: tensor.largest)
    if sizes:
        low, high = sizes[0], sizes[-1]
        summary += f"; gradients up to {low.largest:.1e} ({low.name}) to {high.largest:.1e} ({high.name})"
    left = ", ".join(tensor.name for tensor in report.unchecked)
    return f"{summary}; a kink at every probe of {left}" if left else summary
