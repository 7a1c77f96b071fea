"""Plotly figures of runs, checks and benchmarks, without HTML: for the report, notebooks and any other page."""
