"""The page docs/pytorch-samples.md from the outcomes. Write it anew with `python tests/pytorch_samples/table.py`."""

import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from pytorch_samples.translation import REASONS

PAGE = Path(__file__).parents[2] / "docs" / "pytorch-samples.md"

WHY = {
    "no elements": "A dimension here is 1 or more, and a batch has a sample.",
    "broadcasting": "A loss takes a target of the prediction's shape: one that does not fit is a mistake.",
    "a factor alpha": "`Add` has none.",
    "along another axis than 1": "The classes of a loss are axis 1.",
    "an argument out=": "Engines own their memory.",
    "what is no tensor": "Values here are arrays.",
    "reduction 'none'": "A loss is one number, from which the gradient flows back.",
    "a beta of 0": "That is `L1`.",
    "weights of elements": "`sample_weights` are one number a sample.",
    "a mean that class weights do not enter": "Here class weights enter the mean of every loss.",
    "class probabilities as targets": "`SoftmaxCrossEntropy` takes labels; `label_smoothing` spreads them.",
    "indices of the maxima": "`MaxPool2d` keeps them for its gradient and hands out the maxima alone.",
    "images of 1 or 3 dimensions": "Images are (N, C, H, W).",
    "a negative eps": "It is added to a variance so that the root is of a number above 0.",
    "momentum outside of 0 to 1": "Running statistics are a mean of old and new.",
    "everything dropped, p = 1": "What is kept is divided by 1 - p.",
    "a negative threshold": "Softplus would jump.",
    "running statistics of instances": "`GroupNorm`, which is instance normalisation too, keeps none.",
    "dampening of Nesterov's momentum": "`Nesterov` has none.",
    "maximize": "What is minimised is the loss.",
    "lists of parameters": "Wrong lists of parameters and groups: an optimizer here is given a network's own.",
}
"""Why each reason of `REASONS` is one."""

assert WHY.keys() == REASONS.keys()

HEAD = """# Compared with PyTorch

PyTorch tests itself on three databases, which its wheel brings along: `op_db` of functions, `module_db` of modules and
`optim_db` of optimizers. Each of their samples for an operation or optimizer that backproof has too is put to every
engine that is installed, in float64. Outputs must be PyTorch's to 1e-10, gradients of all inputs and parameters to
1e-9, and weights after each of {steps} steps of an optimizer to 1e-10. What PyTorch raises an error for must be refused
with a `UserError`.

**PyTorch {version}: {passed:,} of {samples:,} samples pass, {refused} of {errors} error inputs are refused.**

No sample is skipped in silence: the tests count them, and each is either passed or unsupported for one of the reasons
at the end of this page. Where it can be said here at all, an unsupported sample is put all the same, and must be
refused, never computed wrongly.

- Where PyTorch takes an input without a batch, it is given here as a batch of one.
- `linear` takes the leading axes as one batch. A missing γ is 1, a missing β is 0.
- Of dropout the mask is backproof's, since no two libraries draw the same one; what is done with it is compared.
- Where `max_pool2d` is asked for the indices too, the sample counts as unsupported, though the maxima are the same.

This page is written by `python tests/pytorch_samples/table.py`, and a test holds it up to date.
"""


def page():
    """The whole page."""
    import torch

    from pytorch_samples import operations, optimizer_steps
    from pytorch_samples.functions import FUNCTIONS
    from pytorch_samples.modules import MODULES
    from pytorch_samples.optimizers import OPTIMIZERS

    tables = {
        "Functions (`op_db`)": [(name, operations.of_operation(name)) for name in FUNCTIONS],
        "Modules (`module_db`)": [(name, operations.of_module(name)) for name in MODULES],
        "Optimizers (`optim_db`)": [(name, optimizer_steps.of_optimizer(name)) for name in OPTIMIZERS],
    }
    outcomes = [outcome for table in tables.values() for _, outcome in table]
    lines = HEAD.format(
        steps=optimizer_steps.STEPS,
        version=version(torch),
        passed=sum(len(d.compared) for d in outcomes),
        samples=sum(d.samples for d in outcomes),
        refused=sum(len(asked(d)) for d in outcomes),
        errors=sum(len(d.errors) for d in outcomes),
    ).splitlines()
    for title, table in tables.items():
        lines += ["", f"## {title}", "", "| PyTorch | here | samples | error inputs | unsupported |"]
        lines += ["|---|---|---:|---:|---|"]
        lines += [row(name, outcome) for name, outcome in table]
    lines += ["", "## Why unsupported", "", "| reason | why |", "|---|---|"]
    lines += [f"| {reason} | {why} |" for reason, why in WHY.items()]
    return "\n".join(lines) + "\n"


def version(torch):
    """Major and minor: the databases change with those."""
    return ".".join(torch.__version__.split(".")[:2])


def asked(outcome):
    """The error inputs that could be put."""
    return [error for error in outcome.errors if not isinstance(error, str)]


def row(name, outcome):
    """One entry of a database."""
    here = sorted(
        {type(j.translation.op if hasattr(j, "translation") else j.optimizer).__name__ for j in outcome.compared}
    )
    unsupported = outcome.unsupported + Counter(e for e in outcome.errors if isinstance(e, str))
    reasons = ", ".join(f"{reason} ({count})" for reason, count in unsupported.items())
    errors = f"{len(asked(outcome))} of {len(outcome.errors)}" if outcome.errors else ""
    return f"| {name} | {', '.join(here)} | {len(outcome.compared)} of {outcome.samples} | {errors} | {reasons} |"


if __name__ == "__main__":
    PAGE.write_text(page())
