"""Networks at work: a model with all that belongs to it, and what it says of images that come in a stream."""

from backproof.infer.export import Exported, export
from backproof.infer.loaded import LoadedModel, load_model

__all__ = ["Exported", "LoadedModel", "export", "load_model"]
