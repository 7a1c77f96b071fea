"""Proof that engines are right: gradient checks, and engines held against each other."""

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
    "Difference",
    "GradientReport",
    "Probe",
    "TensorCheck",
    "Trajectory",
    "TrajectoryDifference",
    "check_gradients",
    "compare_ops",
    "compare_trajectories",
    "tolerance",
]
