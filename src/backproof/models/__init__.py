"""Networks by name, and networks from a user's own file."""

from backproof.models import convolutional, dense, resnet, u2net, unet
from backproof.models.build import build, options_of
from backproof.models.options import read_options
from backproof.models.registry import MODELS, Model, model

__all__ = [
    "MODELS",
    "Model",
    "build",
    "convolutional",
    "dense",
    "model",
    "options_of",
    "read_options",
    "resnet",
    "u2net",
    "unet",
]
