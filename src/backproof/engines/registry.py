"""Which engines there are, without importing any of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

from backproof.engines.base import Engine
from backproof.errors import NotInstalledError, OptionError, UserError, unknown


@dataclass(frozen=True)
class Entry:
    """Where an engine lives, the library it stands on, and the extra that installs it ("" if always there)."""

    location: str
    requires: str
    extra: str
    purpose: str


ENGINES: dict[str, Entry] = {
    "numpy": Entry("backproof.engines.numpy:NumpyEngine", "numpy", "", "hand-written forward and backward, fast"),
    "reference": Entry(
        "backproof.engines.reference:ReferenceEngine", "numpy", "", "plain loops in float64, to compare with"
    ),
    "numba": Entry("backproof.engines.numba:NumbaEngine", "numba", "numba", "the numpy engine, its loops compiled"),
    "torch": Entry("backproof.engines.torch:TorchEngine", "torch", "torch", "PyTorch, its autograd and optimizers"),
    "jax": Entry("backproof.engines.jax:JaxEngine", "jax", "jax", "JAX, each training step compiled by XLA"),
    "onnxruntime": Entry(
        "backproof.engines.onnxruntime:OnnxRuntimeEngine", "onnxruntime", "onnx", "ONNX Runtime, for prediction alone"
    ),
}


def installed(name: str) -> bool:
    """Whether the library that the engine stands on can be imported."""
    return find_spec(require_entry(name).requires) is not None


def how_to_install(name: str) -> str:
    """The command that installs an engine."""
    return f"pip install 'backproof[{require_entry(name).extra}]'"


def require_entry(name: str) -> Entry:
    """The registry's entry for `name`. Raises `UserError` with the nearest names."""
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    return ENGINES[name]


def get_engine(name: str, **settings: Any) -> Engine:
    """Import and make the engine `name`.

    `settings` are the engine's own, such as `winograd=False` of numpy.
    Raises `UserError` if it is unknown, not installed, or has no such setting.
    """
    entry = require_entry(name)
    if not installed(name):
        raise NotInstalledError(f"engine '{name}' is not installed; install it with: {how_to_install(name)}")
    module, _, attribute = entry.location.partition(":")
    kind = getattr(import_module(module), attribute)
    known = [field.name for field in fields(kind)] if is_dataclass(kind) else []
    for setting in settings:
        if setting not in known:
            raise UserError(f"engine '{name}' has no setting '{setting}'; it has {', '.join(known) or 'none'}")
    engine: Engine = kind(**settings)
    return engine


def engine_for_checks(name: str) -> Engine:
    """The engine `name` with the settings under which checks are done sooner. Raises `UserError` as `get_engine`."""
    return get_engine(name, **get_engine(name).capabilities.for_checks)


def require_trainer(engine: Engine, option: str = "engine") -> Engine:
    """`engine`, which `option` names. Raises `UserError` if it cannot train."""
    if not engine.capabilities.trains:
        raise OptionError(f"engine '{{}}' cannot train; choose another one with {{{option}}}", engine.name)
    return engine


def reference_engine(*, vectorised: bool = False) -> Engine:
    """The engine that the others are compared with, in float64: plain loops, or the same over whole arrays."""
    from backproof.engines.reference import ReferenceEngine, VectorisedReference

    return VectorisedReference() if vectorised else ReferenceEngine()


def variants(engine: Engine) -> dict[str, Engine]:
    """The engine under "", and under their names what its capabilities call variants: the same with other settings.

    An engine may have other `forms` too, of its name in other code: the reference engine has one over whole arrays.
    """
    forms: Mapping[str, Engine] = getattr(engine, "forms", {})
    others: Mapping[str, Mapping[str, Any]] = engine.capabilities.variants if is_dataclass(engine) else {}
    return {"": engine, **forms} | {name: replace(cast(Any, engine), **settings) for name, settings in others.items()}
