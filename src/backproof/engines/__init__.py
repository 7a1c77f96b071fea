"""How operations are computed: one folder an engine, found by name through the registry."""

from backproof.engines.base import (
    EVALUATION,
    Capabilities,
    DType,
    Engine,
    EngineInfo,
    Gradients,
    Mode,
    Predictor,
    StepResult,
    Trainer,
    Watch,
    ways_of,
)
from backproof.engines.registry import (
    ENGINES,
    engine_for_checks,
    get_engine,
    how_to_install,
    installed,
    reference_engine,
    require_trainer,
    variants,
)

__all__ = [
    "ENGINES",
    "EVALUATION",
    "Capabilities",
    "DType",
    "Engine",
    "EngineInfo",
    "Gradients",
    "Mode",
    "Predictor",
    "StepResult",
    "Trainer",
    "Watch",
    "engine_for_checks",
    "get_engine",
    "how_to_install",
    "installed",
    "reference_engine",
    "require_trainer",
    "variants",
    "ways_of",
]
