"""Engines timed against each other and against plain PyTorch and scikit-learn, each in a process of its own."""

from backproof.bench.benchmark import benchmark
from backproof.bench.growth import Curve, Growth, curves, fit
from backproof.bench.infer import infer_experiment
from backproof.bench.job import CONTENDERS, InferJob, OpCase, OpJob, TrainJob
from backproof.bench.measurement import Experiment, Measurement
from backproof.bench.operations import operation_experiment
from backproof.bench.result import Result
from backproof.bench.suite import SUITES, suite
from backproof.bench.train import train_experiment

__all__ = [
    "CONTENDERS",
    "SUITES",
    "Curve",
    "Experiment",
    "Growth",
    "InferJob",
    "Measurement",
    "OpCase",
    "OpJob",
    "Result",
    "TrainJob",
    "benchmark",
    "curves",
    "fit",
    "infer_experiment",
    "operation_experiment",
    "suite",
    "train_experiment",
]
