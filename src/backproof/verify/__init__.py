"""Proof that engines are right: gradient checks, and engines held against each other."""

from backproof.verify.finding import CheckReport, Finding, Verdict
from backproof.verify.gradient_check import check_gradients
from backproof.verify.gradient_report import GradientReport, Probe, TensorCheck
from backproof.verify.model_parity import check_model
from backproof.verify.model_report import ModelReport
from backproof.verify.op_parity import check_ops
from backproof.verify.optimizer_parity import check_optimizers
from backproof.verify.own_file import check_file
from backproof.verify.parity import Difference, compare_ops
from backproof.verify.tolerances import tolerance
from backproof.verify.trajectory import (
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
