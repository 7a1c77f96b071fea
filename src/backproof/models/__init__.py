"""Networks by name, and networks from a user's own file."""

from backproof.models import dense
from backproof.models.build import build, options_of, read_options
from backproof.models.registry import MODELS, Model, model

__all__ = ["MODELS", "Model", "build", "dense", "model", "options_of", "read_options"]
