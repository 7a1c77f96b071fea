"""Proof that engines are right: gradients against numbers, and engines against a reference.

The ladder: `operations`, `optimizers`, small networks over several `steps`, `networks` node by node, `training` step by
step; `custom` for a user's own parts. `core` has what all of them share: cases, comparisons, findings, tolerances.
"""

from backproof.verify.core.finding import CheckReport, Finding, Verdict
from backproof.verify.core.gradient_check import check_gradients
from backproof.verify.core.gradient_report import GradientReport, Probe, TensorCheck
from backproof.verify.core.location import Location
from backproof.verify.core.tolerances import tolerance
from backproof.verify.custom.file import check_file
from backproof.verify.networks.check import check_model
from backproof.verify.networks.report import ModelReport
from backproof.verify.operations.check import check_ops
from backproof.verify.optimizers.check import check_optimizers
from backproof.verify.steps.check import check_networks
from backproof.verify.training.trajectory import TrajectoryReport, check_trajectory

__all__ = [
    "CheckReport",
    "Finding",
    "GradientReport",
    "Location",
    "ModelReport",
    "Probe",
    "TensorCheck",
    "TrajectoryReport",
    "Verdict",
    "check_file",
    "check_gradients",
    "check_model",
    "check_networks",
    "check_ops",
    "check_optimizers",
    "check_trajectory",
    "tolerance",
]
