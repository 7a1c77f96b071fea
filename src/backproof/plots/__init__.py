"""Plots of plain arrays in one look; they know nothing of runs, so that tasks and figures alike can draw with them."""
