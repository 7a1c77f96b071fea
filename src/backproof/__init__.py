"""backproof: neural networks written by hand, proved right, watched learning, compared and timed."""

__version__ = "0.1.0"
