"""Proof that engines are right: gradient checks, and engines held against each other."""

from backproof.verify.finding import CheckReport, Finding, Verdict
from backproof.verify.gradient_check import check_gradients
from backproof.verify.gradient_report import GradientReport, Probe, TensorCheck
from backproof.verify.parity import (
    Difference,
    Trajectory,
    TrajectoryDifference,
    compare_ops,
    compare_trajectories,
)
from backproof.verify.tolerances import tolerance

__all__ = [
    "CheckReport",
    "Difference",
    "Finding",
    "GradientReport",
    "Probe",
    "TensorCheck",
    "Trajectory",
    "TrajectoryDifference",
    "Verdict",
    "check_gradients",
    "compare_ops",
    "compare_trajectories",
    "tolerance",
]
