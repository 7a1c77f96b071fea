"""What networks on images ask of their input."""

from backproof.errors import ModelError, OptionError
from backproof.graph import Shape


def require_images(input: Shape, least: int = 1) -> None:
    """Raise `UserError` unless `input` is (N, C, H, W) with H and W of `least` pixels or more."""
    if len(input) != 4:
        raise OptionError("it takes images (N, channels, height, width), not {}; leave out {flatten}", input)
    _, _, height, width = input
    if min(int(height), int(width)) < least:
        raise ModelError(f"it takes images of {least}x{least} pixels or more, not {height}x{width}")
