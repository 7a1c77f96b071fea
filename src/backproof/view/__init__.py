"""What people see of runs: tables and progress in the terminal, and the report page."""

from backproof.view.progress import TerminalProgress
from backproof.view.report import write_report
from backproof.view.terminal import print_comparison, print_weight_distance

__all__ = ["TerminalProgress", "print_comparison", "print_weight_distance", "write_report"]
