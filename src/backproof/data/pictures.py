"""Sheets of small pictures with captions, drawn with Pillow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from backproof.data.targets import Targets, TargetSpec
from backproof.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

PAPER, INK, FAINT, LINE = "#ffffff", "#1f2328", "#6a737d", "#d0d7de"
# Okabe and Ito, Color Universal Design, 2002: distinct for people of every colour vision.
CLASS_COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
MARGIN, GAP, CAPTION = 28, 8, 18


@dataclass(frozen=True)
class Row:
    """One line of a sheet: a name and a remark at the left (both may be empty), pictures with their captions."""

    pictures: Sequence["Image.Image"]
    name: str = ""
    remark: str = ""
    captions: Sequence[str] = ()


def picture(image: npt.NDArray[Any], low: float = 0.0, high: float = 1.0) -> "Image.Image":
    """An RGB picture of (H, W, C) uint8, or of (H, W, C) numbers of which `low` is black and `high` white.

    Unless there are three channels, the first is drawn.
    """
    from PIL import Image

    if image.dtype != np.uint8:
        image = np.rint(np.clip((image - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    if image.shape[2] == 3:
        return Image.fromarray(image)
    return Image.fromarray(np.ascontiguousarray(image[:, :, 0])).convert("RGB")


def overlay(picture: "Image.Image", mask: npt.NDArray[Any]) -> "Image.Image":
    """A picture in gray with its mask over it: (H, W) class indices in colours, but for 0; (1, H, W) in one colour.

    A class covers six tenths; a probability p covers 0.6 p.
    """
    from PIL import Image

    colours = np.array(CLASS_COLOURS)
    indices = mask.astype(int) if mask.ndim == 2 else np.ones(mask.shape[1:], int)
    cover = 0.6 * (mask > 0 if mask.ndim == 2 else mask[0])[:, :, None]
    gray = np.asarray(picture.convert("L"))[:, :, None]  # a colour is then a class, and nothing else
    mixed = (1 - cover) * gray + cover * colours[(indices - 1) % len(colours)]
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def fitted(image: "Image.Image", side: int) -> "Image.Image":
    """Scaled to fit a square; pixels of small images are shown as they are, in squares."""
    from PIL import Image

    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)


def rows_of(
    pictures: Sequence["Image.Image"], y: Sequence[Targets], targets: TargetSpec, columns: int, ids: Sequence[int] = ()
) -> list[Row]:
    """Samples line by line, each with its target (and number) as a caption; masks are laid over the pictures below."""
    captions = [targets.caption(target) for target in y]
    if ids:
        captions = [f"{caption} #{i}".strip() for caption, i in zip(captions, ids, strict=True)]
    rows = []
    for start in range(0, len(pictures), columns):
        line = slice(start, start + columns)
        rows.append(Row(pictures[line], captions=captions[line]))
        if targets.kind == "mask":
            rows.append(Row([overlay(*pair) for pair in zip(pictures[line], y[line], strict=True)]))
    return rows


def save_sheet(path: Path, title: str, rows: Sequence[Row], side: int) -> None:
    """Draw the rows one below the other and write them as a PNG file; raises `UserError` where it cannot."""
    from PIL import Image, ImageDraw, ImageFont

    name_font, font = ImageFont.load_default(16), ImageFont.load_default(12)
    title_font = ImageFont.load_default(20)
    names = max((max(name_font.getlength(r.name), font.getlength(r.remark)) for r in rows), default=0)
    left = MARGIN + (int(names) + 2 * GAP if names else 0)
    captions = CAPTION if any(row.captions for row in rows) else 0
    step = side + GAP
    widest = max((len(row.pictures) for row in rows), default=0)
    width = max(left + widest * step - GAP, MARGIN + int(title_font.getlength(title))) + MARGIN
    top = MARGIN + 20 + 2 * GAP
    height = top + len(rows) * (step + captions) - GAP + MARGIN

    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, title_font, anchor="lt")
    for number, row in enumerate(rows):
        y = top + number * (step + captions)
        middle = (left - 2 * GAP, y + side // 2)
        draw.text(middle, row.name, INK, name_font, anchor="rs" if row.remark else "rm")
        draw.text((middle[0], middle[1] + 6), row.remark, FAINT, font, anchor="rt")
        for column, image in enumerate(row.pictures):
            x = left + column * step
            tile = fitted(image, side)
            x0, y0 = x + (side - tile.width) // 2, y + (side - tile.height) // 2
            sheet.paste(tile, (x0, y0))
            draw.rectangle((x0 - 1, y0 - 1, x0 + tile.width, y0 + tile.height), outline=LINE)
            if row.captions:
                draw.text((x + side // 2, y + side + 4), row.captions[column], FAINT, font, anchor="mt")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, format="PNG")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
