"""Engines timed against each other and against plain PyTorch and scikit-learn, each in a process of its own."""

from backproof.bench.job import CONTENDERS, Job
from backproof.bench.race import Measurement, race

__all__ = ["CONTENDERS", "Job", "Measurement", "race"]
