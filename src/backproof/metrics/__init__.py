"""Metrics by name, one file a metric or a small family. A new file here is found by itself."""

from importlib import import_module
from pkgutil import iter_modules

from backproof.metrics.mapping import Metrics
from backproof.metrics.metric import METRICS, Measure, Metric, add, measure, metric, values

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["METRICS", "Measure", "Metric", "Metrics", "add", "measure", "metric", "values"]
