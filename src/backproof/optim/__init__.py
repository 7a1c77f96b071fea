"""Optimizers and learning-rate schedules, each declared once with its formula. Engines execute them.

Every module of this folder is imported, so that what it declares is known.
"""

from importlib import import_module
from pkgutil import iter_modules

from backproof.optim.adagrad import Adagrad
from backproof.optim.adam import AdaBound, Adam, AdamW, AMSBound, AMSGrad
from backproof.optim.optimizer import OPTIMIZERS, Optimizer, require_optimizer
from backproof.optim.rmsprop import CenteredRMSprop, RMSprop
from backproof.optim.schedules import SCHEDULES, Constant, Cosine, Exponential, Schedule, Step, schedule
from backproof.optim.sgd import SGD, Momentum, Nesterov

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "AMSBound",
    "AMSGrad",
    "AdaBound",
    "Adagrad",
    "Adam",
    "AdamW",
    "CenteredRMSprop",
    "Constant",
    "Cosine",
    "Exponential",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "Step",
    "require_optimizer",
    "schedule",
]
