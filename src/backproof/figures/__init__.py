"""Plotly figures of runs, checks and benchmarks, without HTML: for the report, notebooks and any other page."""

from backproof.figures.runs import figures, run_figures

__all__ = ["figures", "run_figures"]
