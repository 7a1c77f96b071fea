"""A failing case as a line of Python that shows it again."""

from collections.abc import Callable, Mapping
from os.path import relpath
from typing import Any

import numpy as np

from backproof.engines.custom import KERNELS, UPDATES, source_file
from backproof.graph import Array
from backproof.registry import is_built_in
from backproof.user_file import USER_MODULE
from backproof.verify.custom.drawn import Drawn
from backproof.verify.custom.updates import Steps, settings_in_words

SCHEDULES = ("Constant", "Cosine", "Exponential", "Step")

FEW = 40
"""Numbers of an array that are written out."""


def snippet(case: Drawn) -> str:
    """A command that computes the case again and says what is wrong, or what to call in Python where it was declared.

    Empty where its numbers are too many to write.
    """
    return _command(case_in_python, case, type(case.op), type(KERNELS["numpy"][type(case.op)].inner))


def steps_snippet(steps: Steps) -> str:
    """The same of an optimizer's steps."""
    kind = type(steps.optimizer)
    return _command(steps_in_python, steps, kind, getattr(UPDATES["numpy"][kind], "__wrapped__", None))


def _command(write: Callable[[Any, str], str], case: Any, kind: type, written: Any) -> str:
    """The call that `write` writes, as a command where the class is from a file that was executed for the check."""
    if not written.__module__.startswith(USER_MODULE):
        return write(case, "")
    ours = is_built_in(kind.__module__)
    call = write(case, "" if ours else "mine.")
    if not call or "<" in kind.__qualname__:
        return ""
    imports = ["import backproof as bp"]
    imports += ["import numpy as np"] if "np." in call else []
    imports += [f"from {kind.__module__} import {kind.__name__}"] if ours else []
    imports += [f"from backproof.optim.schedules import {name}" for name in SCHEDULES if f"schedule={name}(" in call]
    return f'python -c "{"; ".join(imports)}; mine = bp.testing.load({relpath(source_file(written))!r}); {call}"'


def steps_in_python(steps: Steps, prefix: str = "") -> str:
    """The call of `bp.testing.assert_steps`; empty where it would be too long."""
    arguments = [settings_in_words(steps.optimizer, prefix), _array(steps.w), _array(steps.gradients)]
    if steps.other is not None:
        arguments.append(f"other={_array(steps.other)}")
    call = f"bp.testing.assert_steps({', '.join(arguments)})"
    return "" if "..." in call or '"' in call else call


def steps_in_words(steps: Steps) -> str:
    """The numbers of steps: w = [1.0], gradients = all (10, 1) 1.0."""
    return f"w = {_shown(steps.w)}, gradients = {_shown(steps.gradients)}"


def case_in_python(case: Drawn, prefix: str = "") -> str:
    """The call of `bp.testing.assert_case`; empty where it would be too long."""
    constants = case.sample.constants
    arguments = [f"{prefix}{case.op!r}", *(_array(x) for x in case.inputs)]
    if case.parameters:
        named = ", ".join(f"'{name}': {_array(value)}" for name, value in case.parameters.items())
        arguments.append(f"parameters={{{named}}}")
    arguments.append(f"dy={_array(case.dy)}")
    if not case.mode.training:
        arguments.append("training=False")
    arguments += [f"{name}={getattr(case.mode, name)}" for name in ("seed", "step") if getattr(case.mode, name)]
    if case.other is not None:
        arguments.append(f"other=[{', '.join(_array(x) for x in case.other.inputs)}]")
    if case.calls > 2:
        arguments.append(f"calls={case.calls}")
    if constants:
        arguments.append(f"constants={constants!r}")
    call = f"bp.testing.assert_case({', '.join(arguments)})"
    return "" if "..." in call or '"' in call else call


def in_words(case: Drawn) -> str:
    """The numbers of a case, those of large arrays left out: x0 = [[4.0]], dy = [[1.0]]."""
    arrays: Mapping[str, Any] = {f"x{i}": x for i, x in enumerate(case.inputs)} | case.parameters | {"dy": case.dy}
    return ", ".join(f"{name} = {_shown(value)}" for name, value in arrays.items())


def _shown(x: Array) -> str:
    text = _array(x)
    if text == "..." or (x.size > FEW / 3 and not text.startswith("np.full")):
        return f"{x.size} numbers"
    return text.replace("np.full(", "all ").replace("), ", ") ").removesuffix(")") if "np." in text else text


def _array(x: Array) -> str:
    """As Python reads it."""
    if x.size > 4 and x.size and np.all(x == x.flat[0]):
        return f"np.full({x.shape}, {x.flat[0].item()!r})"
    return "..." if x.size > FEW else repr(x.tolist())
