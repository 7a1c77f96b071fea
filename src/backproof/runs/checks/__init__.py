"""Checks of a run: gradients, anomalies and a second engine in lockstep while it trains; the whole of it afterwards."""
