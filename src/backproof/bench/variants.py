"""A model made wider or deeper, where it has options for that."""

from collections.abc import Mapping
from typing import Any

from backproof.errors import OptionError
from backproof.models import is_onnx_file, options_of


def sized(model: str, options: Mapping[str, Any], width: int | None, depth: int | None) -> dict[str, Any]:
    """`options`, and those that give the network its width and depth; None leaves the model's own.

    Width is a model's option `width` or `channels`, or the units of every one of `layers`. Depth is the number of
    `layers`, or the blocks of every stage. Raises `UserError` for a model that has neither.
    """
    known = {} if is_onnx_file(model) else options_of(model)
    made = dict(options)
    for size, kind, names in (
        (width, "width", ("layers", "width", "channels")),
        (depth, "depth", ("layers", "blocks")),
    ):
        if size is None:
            continue
        name = next((name for name in names if name in known), None)
        if name is None:
            raise OptionError(f"{{{kind}s}}: model '{{}}' has no option for it; mlp and resnet have one", model)
        before = made.get(name, known[name])
        if name in ("width", "channels"):
            made[name] = size
        elif name == "blocks" or kind == "width":
            made[name] = (size,) * max(len(before), 1)
        else:
            made[name] = (*before, *before[-1:] * size)[:size]
    return made
