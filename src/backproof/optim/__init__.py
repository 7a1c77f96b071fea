"""Optimizers and learning-rate schedules, each declared once with its formula. Engines execute them."""

from backproof.optim.adagrad import Adagrad
from backproof.optim.adam import AdaBound, Adam, AdamW, AMSBound, AMSGrad
from backproof.optim.optimizer import OPTIMIZERS, Optimizer, require_optimizer
from backproof.optim.rmsprop import CenteredRMSprop, RMSprop
from backproof.optim.schedules import SCHEDULES, Constant, Cosine, Exponential, Schedule, Step, schedule
from backproof.optim.sgd import SGD, Momentum, Nesterov

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
