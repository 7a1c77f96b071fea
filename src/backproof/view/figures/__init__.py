"""Figures of runs, as Plotly figures and as small pictures."""
