"""Which models there are."""

from collections.abc import Callable
from inspect import isfunction

from backproof.graph import Graph
from backproof.registry import Registry

Model = Callable[..., Graph]
"""`(input: Shape, classes: int, **options) -> Graph`: a network without a loss.

Its output is (N, classes), or (N, classes, H, W) where each pixel has a class.
"""

MODELS: Registry[Model] = Registry("model", isfunction)
"""Every registered model by name."""


def model(name: str) -> Callable[[Model], Model]:
    """Decorator: register a model under `name`. Its keyword arguments are its options."""

    def register(function: Model) -> Model:
        MODELS.add(name, function)
        return function

    return register
