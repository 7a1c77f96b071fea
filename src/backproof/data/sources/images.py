"""Reading one image file, of any mode, into 8-bit gray or RGB, or as a mask."""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from backproof.data.sources.source import BadImageError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = {".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pbm", ".pgm", ".ppm"}


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """The pixels as (H, W, 1) where the file is gray, else (H, W, 3).

    Transparent pixels are laid on white, 16-bit gray is scaled to 8 bits, the camera's rotation (EXIF) is undone,
    an animation gives its first frame. Raises `BadImageError`.
    """
    from PIL import ImageOps

    with _opened(path) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            return _eight_bits(np.asarray(upright), path)
        gray = upright.mode in ("1", "L", "LA", "La")
        if upright.has_transparency_data:
            upright = _on_white(upright)
        pixels = np.asarray(upright.convert("L" if gray else "RGB"))
        return pixels.reshape(*pixels.shape[:2], -1)


def read_mask(path: Path, classes: int = 0) -> npt.NDArray[np.generic]:
    """A mask: class indices (H, W) where there are so many `classes`, otherwise (1, H, W) of 0..255.

    Class indices are gray levels or places in a palette. Raises `BadImageError`.
    """
    with _opened(path) as image:
        image.load()
        if not classes:
            colours = np.asarray(image if image.mode.startswith("I") else image.convert("RGB"))
            if colours.ndim == 2:
                return _eight_bits(colours, path)[None, :, :, 0]
            if (colours != colours[:, :, :1]).any():
                raise BadImageError(f"{path}: a mask in colours; masks are gray, or of classes that classes.txt lists")
            return colours[None, :, :, 0]
        if not (image.mode in ("1", "L", "P") or image.mode.startswith("I")):
            raise BadImageError(f"{path}: a mask of mode {image.mode}; masks of classes are gray or have a palette")
        indices = np.asarray(image)
        if indices.max() >= classes or indices.min() < 0:
            held = f"{indices.min()} to {indices.max()}"
            raise BadImageError(f"{path}: holds {held}, but classes.txt lists {classes} classes, 0 to {classes - 1}")
        return indices.astype(np.uint8 if classes <= 256 else np.int32)


def read_header(path: Path) -> tuple[tuple[int, int], str]:
    """((height, width), mode) without decoding the pixels. Raises `BadImageError`."""
    with _opened(path) as image:
        return (image.height, image.width), image.mode


def _on_white(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)


def _eight_bits(pixels: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.uint8]:
    """16-bit gray, 0..65535 -> 0..255; Pillow opens some such files with 32 bits a pixel."""
    wide = pixels.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise BadImageError(f"{path}: pixels of more than 16 bits; keep such data as an .npz file")
    return np.rint(wide[:, :, None] / 257).astype(np.uint8)


@contextmanager
def _opened(path: Path) -> "Iterator[Image.Image]":
    """The image, not decoded yet; whatever Pillow raises for a damaged file becomes a `BadImageError`."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                if image.mode == "F":
                    raise BadImageError(f"{path}: floating-point pixels; keep such data as an .npz file")
                yield image
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            limit = Image.MAX_IMAGE_PIXELS
            raise BadImageError(f"{path}: decompression bomb, more than {limit} pixels") from error
        except UnidentifiedImageError as error:
            raise BadImageError(f"{path}: not an image that can be read") from error
        except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
            if isinstance(error, OSError) and error.strerror:  # the system's, not Pillow's
                raise BadImageError(f"{path}: cannot be read ({error.strerror})") from error
            raise BadImageError(f"{path}: damaged or truncated ({str(error).rstrip('.')})") from error
