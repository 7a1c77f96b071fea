"""Our engines against PyTorch, sample by sample."""

import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from backproof.errors import UserError
from backproof.graph import Loss
from pytorch_samples.database import entry, seeded
from pytorch_samples.functions import FUNCTIONS
from pytorch_samples.modules import CONSTRUCTED, MODULES
from pytorch_samples.outcome import Outcome
from pytorch_samples.translation import Translation, UnsupportedError, reason_of

FORWARD, BACKWARD = 1e-10, 1e-9
"""How far our output and our gradients may be from PyTorch's, relative to their largest element."""

ABSOLUTE = 1e-13
"""What may be left of numbers near 1 that cancel."""


@dataclass(frozen=True)
class Compared:
    """A sample that is supported: the translation, and what PyTorch makes of it, by a name that says what it is."""

    name: str
    translation: Translation
    expected: dict[str, np.ndarray]


@cache
def of_operation(name):
    """The outcome of an entry of op_db."""
    info = entry("operations", name)
    translate = FUNCTIONS[name]
    samples = seeded(lambda: info.sample_inputs("cpu", torch.float64, requires_grad=True))
    calls = [
        (
            f"{name} {i}",
            lambda s=s: translate(s.input, *s.args, **s.kwargs),
            lambda s=s: info.op(s.input, *s.args, **s.kwargs),
        )
        for i, s in enumerate(samples)
    ]
    errors = seeded(lambda: info.error_inputs("cpu")) if info.error_inputs_func else []
    wrong = [e.sample_input for e in errors]
    return sorted_out(calls, [lambda s=s: translate(s.input, *s.args, **s.kwargs) for s in wrong])


@cache
def of_module(name):
    """The outcome of an entry of module_db, in training and, where that differs, in evaluation."""
    info = entry("modules", name)
    translate = MODULES[name]

    def drawn(make, training):
        options = {"device": "cpu", "dtype": torch.float64, "requires_grad": True, "training": training}
        return seeded(lambda: make(info, **options))

    def module(s, training):
        made = info.module_cls(*s.constructor_input.args, **s.constructor_input.kwargs).to(torch.float64)
        return made.train(training)

    calls, wrong = [], []
    for training in (True, False) if info.train_and_eval_differ else (True,):
        for i, s in enumerate(drawn(info.module_inputs_func, training)):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(i)
                made = module(s, training)
            f = s.forward_input
            calls.append(
                (
                    f"{name} {i} {s.desc} {'training' if training else 'evaluation'}",
                    lambda m=made, f=f: translate(m, *f.args, **f.kwargs),
                    lambda m=made, f=f: m(*f.args, **f.kwargs),
                )
            )
        for e in drawn(info.module_error_inputs_func, training) if info.module_error_inputs_func else []:
            s = e.module_error_input
            if e.error_on.name == "CONSTRUCTION_ERROR":
                wrong.append(lambda c=s.constructor_input: CONSTRUCTED[name](*c.args, **c.kwargs))
            else:
                made, f = module(s, training), s.forward_input
                wrong.append(lambda m=made, f=f: translate(m, *f.args, **f.kwargs))
    return sorted_out(calls, wrong)


def sorted_out(calls, wrong):
    """Sort samples into those that are supported and those that are not."""
    compared, unsupported, errors = [], Counter(), []
    for name, translate, call in calls:
        try:
            translation = translate()
            require_fit(translation)
        except UnsupportedError as error:
            unsupported[str(error)] += 1
        except UserError as error:
            reason = reason_of(str(error))
            if reason is None:
                raise AssertionError(f"{name} is refused: {error}") from error
            unsupported[reason] += 1
        else:
            compared.append(Compared(name, translation, expected(translation, translation.expression or call)))
    for translate in wrong:
        try:
            errors.append(translate())
        except UnsupportedError as error:
            errors.append(str(error))
        except UserError:
            errors.append(None)  # refused when the operation was made
    return Outcome(len(calls), tuple(compared), unsupported, tuple(errors))


def require_fit(translation):
    """Make the network and check what goes in: no engine is needed to refuse a sample."""
    from backproof.engines.inputs import batch_size, check_parameters

    graph = translation.graph()
    batch_size(graph, translation.arrays(graph), targets=True)
    check_parameters(graph, parameters(translation))
    return graph


def parameters(translation):
    """By full name."""
    return {f"op.{name}": x.value for name, x in translation.parameters.items()}


def expected(translation, call):
    """PyTorch's output, and its gradients with respect to everything that has one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = call()
    found = {"output": y}
    target = torch.from_numpy(translation.target(y.numel())).reshape(y.shape)
    loss = y if isinstance(translation.op, Loss) else torch.mean((y - target) ** 2)
    named = {f"gradient of x{i}": x for i, x in enumerate(translation.inputs)}
    named |= {f"gradient of {name}": x for name, x in translation.parameters.items()}
    named = {what: x for what, x in named.items() if x.tensor.requires_grad}
    gradients = torch.autograd.grad(loss, [x.tensor for x in named.values()], allow_unused=True)
    for (what, x), gradient in zip(named.items(), gradients, strict=True):
        found[what] = torch.zeros_like(x.tensor) if gradient is None else gradient
    found |= {f"state {name}": tensor for name, tensor in translation.state.items()}
    return {what: tensor.detach().numpy().copy() for what, tensor in found.items()}


def differences(engine, compared):
    """Sentences on what is wrong with the engine's answer; none if nothing is."""
    translation = compared.translation
    graph = translation.graph()
    trainer = engine.compile(graph, parameters(translation), dtype="float64")
    gradients = trainer.gradients(translation.arrays(graph), translation.mode)
    found = {"output": np.array(gradients.loss) if isinstance(translation.op, Loss) else gradients.output}
    found |= {f"gradient of {name}": g for name, g in gradients.inputs.items()}
    found |= {f"gradient of {name.removeprefix('op.')}": g for name, g in gradients.parameters.items()}
    found |= {f"state {name.removeprefix('op.')}": value for name, value in gradients.state.items()}
    wrong = []
    for what, right in compared.expected.items():
        if found[what].size != right.size:
            wrong.append(f"{compared.name}, {translation.op}: {what} has shape {found[what].shape}, not {right.shape}")
            continue
        largest = np.max(np.abs(right), initial=0.0, where=~np.isnan(right))
        allowed = ABSOLUTE + (BACKWARD if what.startswith("gradient") else FORWARD) * largest
        ours = found[what].reshape(right.shape)
        apart = np.where(np.isnan(ours) & np.isnan(right), 0, np.abs(ours - right))
        if not np.all(apart <= allowed):
            wrong.append(
                f"{compared.name}, {translation.op}: {what} is off by {np.max(apart):.2e}, more than {allowed:.2e}"
            )
    return wrong


def refuses(engine, translation):
    """Whether the engine refuses the translation with a `UserError`; any other exception comes through."""
    if translation is None:
        return True
    try:
        graph = translation.graph()
        trainer = engine.compile(graph, parameters(translation), dtype="float64")
        trainer.forward(translation.arrays(graph), translation.mode)
    except UserError:
        return True
    return False
