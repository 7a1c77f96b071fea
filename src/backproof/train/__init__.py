"""The training loop, what it measures, and the events by which others may look on."""

from backproof.train.events import (
    EarlyStopMarked,
    EnginesCompared,
    EpochDone,
    EpochStarted,
    Event,
    GradientsChecked,
    HealthProblem,
    Interrupted,
    Observer,
    RunFinished,
    RunStarted,
    StepDone,
    StepStarting,
)
from backproof.train.interruption import Interruption
from backproof.train.loop import fit
from backproof.train.metrics import Evaluation, Figures, evaluate
from backproof.train.progress import EpochRecord, Progress

__all__ = [
    "EarlyStopMarked",
    "EnginesCompared",
    "EpochDone",
    "EpochRecord",
    "EpochStarted",
    "Evaluation",
    "Event",
    "Figures",
    "GradientsChecked",
    "HealthProblem",
    "Interrupted",
    "Interruption",
    "Observer",
    "Progress",
    "RunFinished",
    "RunStarted",
    "StepDone",
    "StepStarting",
    "evaluate",
    "fit",
]
