"""Networks by name, and networks from a user's own file."""

from backproof.models import convolutional, dense, resnet, u2net, unet
from backproof.models.build import build, options_of
from backproof.models.onnx_file import classes_of_file, input_of_file, is_onnx_file, weights_in_file
from backproof.models.options import read_options
from backproof.models.registry import MODELS, Model, model

__all__ = [
    "MODELS",
    "Model",
    "build",
    "classes_of_file",
    "convolutional",
    "dense",
    "input_of_file",
    "is_onnx_file",
    "model",
    "options_of",
    "read_options",
    "resnet",
    "u2net",
    "unet",
    "weights_in_file",
]
