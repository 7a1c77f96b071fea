"""Optimizers, step by step."""
