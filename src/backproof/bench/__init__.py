"""Engines timed against each other and against plain PyTorch and scikit-learn, each in a process of its own."""

from backproof.bench.growth import Curve, Growth, curves, fit
from backproof.bench.job import CONTENDERS, Case, OpJob, TrainJob
from backproof.bench.measurement import Experiment, Measurement
from backproof.bench.operations import operation_experiment
from backproof.bench.race import race
from backproof.bench.result import Result
from backproof.bench.suite import SUITES, suite
from backproof.bench.train import train_experiment

__all__ = [
    "CONTENDERS",
    "SUITES",
    "Case",
    "Curve",
    "Experiment",
    "Growth",
    "Measurement",
    "OpJob",
    "Result",
    "TrainJob",
    "curves",
    "fit",
    "operation_experiment",
    "race",
    "suite",
    "train_experiment",
]
