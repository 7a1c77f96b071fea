"""How operations are computed: one folder an engine, found by name through the registry."""

from backproof.engines.base import EVALUATION, DType, Engine, EngineInfo, Gradients, Mode, Session, StepResult, Watch
from backproof.engines.registry import ENGINES, get_engine, how_to_install, installed

__all__ = [
    "ENGINES",
    "EVALUATION",
    "DType",
    "Engine",
    "EngineInfo",
    "Gradients",
    "Mode",
    "Session",
    "StepResult",
    "Watch",
    "get_engine",
    "how_to_install",
    "installed",
]
