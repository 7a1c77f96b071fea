"""backproof: neural networks written by hand, proved right, watched learning, compared and timed.

`import backproof as bp` is quick: each name below is loaded when it is first used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backproof import custom as custom
    from backproof import sklearn as sklearn
    from backproof import testing as testing
    from backproof.api import (
        compare,
        export,
        infer,
        list_runs,
        load,
        load_experiments,
        open_run,
        repeats,
        resume,
        run_all,
        spec,
        train,
    )
    from backproof.errors import UserError
    from backproof.graph import Builder, Graph, Sequential, Shape
    from backproof.interchange import read_weights, write_weights
    from backproof.runs.spec import RunSpec
    from backproof.runs.store import Run
    from backproof.train.events import Observer

__version__ = "0.1.0"

_HOME = {
    **dict.fromkeys(
        (
            "compare",
            "export",
            "infer",
            "list_runs",
            "load",
            "load_experiments",
            "open_run",
            "repeats",
            "resume",
            "run_all",
            "spec",
            "train",
        ),
        "backproof.api",
    ),
    **dict.fromkeys(("Builder", "Graph", "Sequential", "Shape"), "backproof.graph"),
    **dict.fromkeys(("read_weights", "write_weights"), "backproof.interchange"),
    "Observer": "backproof.train.events",
    "Run": "backproof.runs.store",
    "RunSpec": "backproof.runs.spec",
    "UserError": "backproof.errors",
}

_MODULES = ("custom", "sklearn", "testing")
"""Modules that need no import of their own: `bp.sklearn.Classifier`, `bp.testing.assert_op`."""

__all__ = [
    "Builder",
    "Graph",
    "Observer",
    "Run",
    "RunSpec",
    "Sequential",
    "Shape",
    "UserError",
    "__version__",
    "compare",
    "export",
    "infer",
    "list_runs",
    "load",
    "load_experiments",
    "open_run",
    "read_weights",
    "repeats",
    "resume",
    "run_all",
    "spec",
    "train",
    "write_weights",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'backproof' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, *_MODULES]


class _Package(ModuleType):
    """Keeps the rooms `train`, `compare` and `infer` from hiding the functions of the same names.

    Importing `backproof.train` would make it an attribute of this package. It is reached without that, by
    `from backproof.train import ...`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
