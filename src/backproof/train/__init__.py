"""The training loop, and what it measures. `train.events` has the events by which others may look on."""

from backproof.train.evaluation import Evaluation, evaluate
from backproof.train.events import Observer
from backproof.train.interruption import Interruption
from backproof.train.loop import fit
from backproof.train.progress import EpochRecord, Progress

__all__ = [
    "EpochRecord",
    "Evaluation",
    "Interruption",
    "Observer",
    "Progress",
    "evaluate",
    "fit",
]
