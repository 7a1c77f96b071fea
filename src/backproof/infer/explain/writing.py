"""Explanations as pictures, of the first images of a stream: files, and what the page shows beside an answer."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from backproof.data.pictures import fitted
from backproof.errors import OptionError, UserError, suggestion
from backproof.infer.explain import METHODS, Explanation, Method, explain
from backproof.infer.loaded import LoadedModel
from backproof.infer.options import ExplainOptions
from backproof.infer.stream import THUMBNAIL, Answer, Inference
from backproof.infer.writing import Pictures, Writer
from backproof.plots.heat import heat_over
from backproof.plots.pictures import sample_images
from backproof.train.checkpoint import write_atomically

if TYPE_CHECKING:
    from PIL import Image

TITLES: Mapping[Method, str] = {"saliency": "saliency", "grad_cam": "Grad-CAM", "occlusion": "occlusion"}


class Explanations(Writer):
    """Pictures of where the score of an image comes from, one a method, and a list of them, `explain.json`.

    Attributes:
        apart: by method, how far engines were apart at most, where several compute.
    """

    def __init__(self, folder: Path, model: LoadedModel, engines: Sequence[str], options: ExplainOptions) -> None:
        """Raises `UserError` for methods and a class that are not there."""
        self.folder, self.model, self.engines, self.options = folder, model, tuple(engines), options
        self.methods, self.target = methods_of(options), target_of(options, model)
        self.apart: dict[Method, float] = {}
        self._latest: dict[Method, Image.Image] = {}
        self._titles: dict[Method, str] = {}
        self._place = -1
        self._files = {m: Pictures(folder / m, partial(self._picture, m)) for m in self.methods}
        self._said: list[dict[str, object]] = []

    def add(self, answer: Answer) -> None:
        """Explain it, if it is one of the first."""
        if answer.error or len(self._said) == self.options.explain_images:
            return
        assert answer.x is not None, "a stream that is explained keeps what the network saw"
        found = explain(
            self.model,
            answer.x[None],
            methods=self.methods,
            engines=self.engines,
            target=self.target,
            layer=self.options.explain_layer,
            patch=self.options.explain_patch,
        )
        image = sample_images(answer.x[None], self._shape)[0]
        self._latest = {method: _drawn(image, heat) for method, heat in found.maps.items()}
        self._place, self._titles = answer.place, {method: self._title(method, found) for method in found.maps}
        for method, files in self._files.items():
            self.apart[method] = max(self.apart.get(method, 0.0), found.apart[method])
            files.add(answer)
        self._said.append(self._entry(answer, found))

    def beside(self, answer: Answer) -> dict[str, "Image.Image"]:
        """The pictures of an answer by title, if it is the one that was explained last."""
        return {self._titles[m]: drawn for m, drawn in self._latest.items()} if answer.place == self._place else {}

    def close(self, inference: Inference, *, whole: bool) -> None:  # noqa: ARG002
        """Write the list."""
        path = self.folder / "explain.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (json.dumps(self._said, indent=1) + "\n").encode())
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror or error}") from error

    @property
    def _shape(self) -> tuple[int, int, int]:
        channels, height, width = self.model.image_shape
        return channels, height, width

    def _picture(self, method: Method, answer: Answer) -> "Image.Image":  # noqa: ARG002  it is the latest
        return self._latest[method]

    def _title(self, method: Method, found: Explanation) -> str:
        of = f" of {found.layer}" if method == "grad_cam" else ""
        engines = found.engines[method]
        apart = f"; {' and '.join(engines)} {found.apart[method]:.0e} apart" if len(engines) > 1 else ""
        return f"{TITLES[method]}{of}{apart}"

    def _entry(self, answer: Answer, found: Explanation) -> dict[str, object]:
        names = self.model.classes
        entry: dict[str, object] = {"file": answer.name, "explained": names[found.target] if names else "foreground"}
        entry |= {"score": found.score, "layer": found.layer, "engines": list(self.engines)}
        return entry | ({"apart": dict(found.apart)} if len(self.engines) > 1 else {})


def _drawn(image: np.ndarray, heat: np.ndarray) -> "Image.Image":
    """What the network saw, in gray below its map, as large as pictures on a page."""
    from PIL import Image

    return fitted(Image.fromarray(heat_over(image, heat)), max(THUMBNAIL, *heat.shape))


def methods_of(options: ExplainOptions) -> tuple[Method, ...]:
    """Those in `saliency,occlusion`, or all. Raises `UserError` for one that is not there."""
    names = [name.strip() for name in options.explain.split(",") if name.strip()]
    for name in names:
        if name not in (*METHODS, "all"):
            raise OptionError("{explain} has '{}'; {}", name, suggestion(name, (*get_args(Method), "all")))
    return tuple(method for method in METHODS if method in names or "all" in names)


def target_of(options: ExplainOptions, model: LoadedModel) -> int | None:
    """The place of the class that is to be explained; None for each image's likeliest."""
    name = options.explain_class
    if name and name not in model.classes:
        raise OptionError("{explain_class} is '{}'; {}", name, suggestion(name, model.classes))
    return model.classes.index(name) if name else None
