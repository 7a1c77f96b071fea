"""Proof that engines are right: gradient checks, and engines held against each other."""

from backproof.verify.core.case import Difference, compare_ops
from backproof.verify.core.finding import CheckReport, Finding, Verdict
from backproof.verify.core.gradient_check import check_gradients
from backproof.verify.core.gradient_report import GradientReport, Probe, TensorCheck
from backproof.verify.core.tolerances import tolerance
from backproof.verify.custom.file import check_file
from backproof.verify.networks.check import check_model
from backproof.verify.networks.report import ModelReport
from backproof.verify.operations.check import check_ops
from backproof.verify.optimizers.check import check_optimizers
from backproof.verify.training.trajectory import (
    Trajectory,
    TrajectoryDifference,
    TrajectoryReport,
    check_trajectory,
    compare_trajectories,
)

__all__ = [
    "CheckReport",
    "Difference",
    "Finding",
    "GradientReport",
    "ModelReport",
    "Probe",
    "TensorCheck",
    "Trajectory",
    "TrajectoryDifference",
    "TrajectoryReport",
    "Verdict",
    "check_file",
    "check_gradients",
    "check_model",
    "check_ops",
    "check_optimizers",
    "check_trajectory",
    "compare_ops",
    "compare_trajectories",
    "tolerance",
]
