"""Metrics by name, one file a metric or a small family. A new file here is found by itself."""

from importlib import import_module
from pkgutil import iter_modules

from backproof.metrics.mapping import Metrics
from backproof.metrics.metric import MEASURES, METRICS, Measure, Metric, add, metric, values

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["MEASURES", "METRICS", "Measure", "Metric", "Metrics", "add", "metric", "values"]
