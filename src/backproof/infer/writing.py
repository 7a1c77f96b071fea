"""Answers as files, written while they come: a table, JSON, masks. Whatever ends the stream, they are whole."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from backproof import __version__
from backproof.data.pictures import Row, fitted, overlay, picture, save_sheet
from backproof.errors import UserError
from backproof.graph import Array
from backproof.infer.loaded import LoadedModel
from backproof.infer.stream import Answer, Inference

WRITTEN = ("csv", "json", "page", "masks", "cutouts", "overlays", "sheet")
"""What can be written into a folder of answers."""

OF_MASKS = ("masks", "cutouts", "overlays", "sheet")

MOST_ON_SHEET = 24
"""Images on a contact sheet."""


class Writer:
    """Something that takes answers one by one, and is closed in the end, whether all came or not."""

    def add(self, answer: Answer) -> None:
        """Take one answer."""
        raise NotImplementedError

    def close(self, inference: Inference, *, whole: bool) -> None:
        """The end; `whole`: whether all answers came."""


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn the system's refusal into one sentence."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {error.filename or path}: {error.strerror or error}") from error


def entry(answer: Answer, model: LoadedModel, top: int) -> dict[str, Any]:
    """One answer by name, for programs: `file`, and what is said of it."""
    found: dict[str, Any] = {"file": answer.name}
    if answer.error:
        return found | {"error": answer.error}
    names = model.classes
    if model.task == "classification":
        score = "score" if model.scores == "numbers" else "probability"
        found["top"] = [{"class": names[i], score: _number(answer.values[i])} for i in answer.ranked[:top]]
    elif model.task == "regression":
        found["numbers"] = {name: _number(value) for name, value in zip(names, answer.values, strict=True)}
    elif names:
        shares = np.bincount(answer.values.ravel(), minlength=len(names)) / answer.values.size
        found["shares"] = {name: _number(share) for name, share in zip(names, shares, strict=True)}
    else:
        found["foreground"] = _number(answer.values.mean())
    if answer.truth is not None and model.task == "classification":
        found["truth"] = names[int(answer.truth)]
    if answer.truth is not None and model.task == "regression":
        found["truth"] = {name: _number(value) for name, value in zip(names, answer.truth, strict=True)}
    return found


def _number(value: Any) -> float:
    """With as many digits as float32 has."""
    return float(f"{float(value):.7g}")


class JsonFile(Writer):
    """All answers in one file, and what was measured; it appears when the stream ends."""

    def __init__(self, path: Path, model: LoadedModel, top: int) -> None:
        self.path, self.model, self.top = path, model, top
        self._building = path.with_name(f".{path.name}.new")
        self._first = True
        head = {"backproof": __version__, "model": model.name, "weights": model.origin, "task": model.task}
        with _writing(path):
            self._file = self._building.open("w", encoding="utf-8")
            self._file.write(json.dumps(head)[:-1] + ', "answers": [')

    def add(self, answer: Answer) -> None:
        """One line."""
        with _writing(self.path):
            self._file.write(("" if self._first else ",") + "\n" + json.dumps(entry(answer, self.model, self.top)))
        self._first = False

    def close(self, inference: Inference, *, whole: bool) -> None:
        """What was measured; then the file takes its name."""
        measured = {name: _number(value) if np.isfinite(value) else None for name, value in inference.measured.items()}
        end = {"complete": whole, "done": inference.done, "bad": inference.bad, "measured": measured}
        if inference.agreement.apart:
            end["apart"] = {name: inference.agreement.relative(name) for name in inference.agreement.apart}
        with _writing(self.path):
            self._file.write("\n], " + json.dumps(end)[1:] + "\n")
            self._file.close()
            self._building.replace(self.path)


class CsvFile(Writer):
    """A line an answer, each written at once: the file is whole at any time."""

    def __init__(self, path: Path, model: LoadedModel, top: int) -> None:
        self.path, self.model, self.top = path, model, min(top, max(len(model.classes), 1))
        with _writing(path):
            self._file = path.open("w", encoding="utf-8", newline="", buffering=1)
            self._lines = csv.writer(self._file)
            self._lines.writerow(["file", *self._heading(), "truth", "error"])

    def _heading(self) -> list[str]:
        if self.model.task == "classification":
            score = "score" if self.model.scores == "numbers" else "probability"
            columns = [[f"answer{number}", f"{score}{number}"] for number in ["", *range(2, self.top + 1)]]
            return [column for pair in columns for column in pair]
        return list(self.model.classes) or ["foreground"]

    def add(self, answer: Answer) -> None:
        """One line."""
        found = entry(answer, self.model, self.top)
        if self.model.task == "classification":
            values = [value for pair in found.get("top", ()) for value in pair.values()]
        else:
            values = list(found.get("numbers", found.get("shares", {"": found.get("foreground", "")})).values())
        width, truth = len(self._heading()), found.get("truth", "")
        values += [""] * (width - len(values))
        shown = " ".join(f"{value:.7g}" for value in truth.values()) if isinstance(truth, dict) else truth
        with _writing(self.path):
            self._lines.writerow([answer.name, *values, shown, answer.error])

    def close(self, inference: Inference, *, whole: bool) -> None:  # noqa: ARG002
        """Nothing is left to write."""
        self._file.close()


class Pictures(Writer):
    """A picture an answer, each written whole: masks, cut-outs or overlays."""

    def __init__(self, folder: Path, draw: Callable[[Answer], Any]) -> None:
        self.folder, self.draw = folder, draw
        self._taken: set[str] = set()

    def add(self, answer: Answer) -> None:
        """One file, called as the image."""
        if answer.error:
            return
        key, number = answer.key, 1
        while key in self._taken:
            number += 1
            key = f"{answer.key}-{number}"
        self._taken.add(key)
        content = BytesIO()
        self.draw(answer).save(content, "PNG")
        path = self.folder / f"{key}.png"
        building = path.with_name(f".{path.name}.new")
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            building.write_bytes(content.getvalue())
            building.replace(path)


def mask_picture(answer: Answer) -> Any:
    """Gray levels of the probabilities, or class indices with a palette."""
    from PIL import Image

    if answer.values.ndim == 3:
        return Image.fromarray(np.rint(np.clip(answer.values[0], 0, 1) * 255).astype(np.uint8))
    from backproof.data.pictures import CLASS_COLOURS

    indices = Image.fromarray(answer.values.astype(np.uint8))
    indices.putpalette([0, 0, 0, *(level for i in range(255) for level in CLASS_COLOURS[i % len(CLASS_COLOURS)])])
    return indices


def shown_picture(answer: Answer) -> Any:
    """The image itself, in RGB."""
    assert answer.picture is not None, "the answer to an image has its picture"
    return picture(answer.picture)


def cutout_picture(answer: Answer) -> Any:
    """The image, as transparent as the mask says; of masks of classes what is not the first class."""
    from PIL import Image

    alpha = answer.values[0] if answer.values.ndim == 3 else answer.values > 0
    cut = shown_picture(answer).convert("RGBA")
    cut.putalpha(Image.fromarray(np.rint(np.clip(alpha, 0, 1) * 255).astype(np.uint8)))
    return cut


def overlay_picture(answer: Answer) -> Any:
    """The image in gray below its mask in colour."""
    return overlay(shown_picture(answer), answer.values)


def on_squares(cut: Any, side: int = 12) -> Any:
    """A picture with transparency on light and lighter squares."""
    from PIL import Image

    rows, columns = np.mgrid[: cut.height, : cut.width] // side
    light = np.where((rows + columns) % 2, 255, 226).astype(np.uint8)
    ground = Image.fromarray(light).convert("RGBA")
    return Image.alpha_composite(ground, cut).convert("RGB")


DRAWN: dict[str, Callable[[Answer], Any]] = {
    "masks": mask_picture,
    "cutouts": cutout_picture,
    "overlays": overlay_picture,
}
"""By the names of the folders."""


class ContactSheet(Writer):
    """One picture of the first images, each beside its mask, overlay and cut-out, two in a line."""

    def __init__(self, path: Path, title: str, side: int = 160) -> None:
        self.path, self.title, self.side = path, title, side
        self._pictures: list[Any] = []
        self._captions: list[str] = []

    def add(self, answer: Answer) -> None:
        """Four pictures, as long as there is room."""
        if answer.error or len(self._pictures) == 4 * MOST_ON_SHEET:
            return
        drawn = [shown_picture(answer), mask_picture(answer).convert("RGB"), overlay_picture(answer)]
        cut = fitted(cutout_picture(answer), self.side)
        self._pictures += [*(fitted(one, self.side) for one in drawn), on_squares(cut)]
        self._captions += [Path(answer.key).name, "mask", "overlay", "cut-out"]

    def close(self, inference: Inference, *, whole: bool) -> None:  # noqa: ARG002
        """Draw it."""
        shown, all_of_them = len(self._pictures) // 4, inference.done - inference.bad
        title = self.title + (f", the first {shown} of {all_of_them:,}" if all_of_them > shown else "")
        lines = [slice(start, start + 8) for start in range(0, len(self._pictures), 8)]
        if lines:
            rows = [Row(self._pictures[line], captions=self._captions[line]) for line in lines]
            save_sheet(self.path, title, rows, self.side)


def foreground(values: Array) -> float:
    """The share of a mask that is not background."""
    return float(values.mean() if values.ndim == 3 else np.count_nonzero(values) / values.size)
