"""What a file of a network says of it, under keys that begin with `backproof.`"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from backproof import __version__
from backproof.data.options import PreprocessingOptions
from backproof.data.preprocessing import preprocessing_from_json, preprocessing_json
from backproof.errors import ModelError

KEY = "backproof."

TaskName = Literal["classification", "segmentation", "regression"]

Scores = Literal["logits", "log_probabilities", "probabilities", "numbers"]
"""What a network puts out. Logits become probabilities by softmax, a single one by the logistic function; numbers are
what they are."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What belongs to a network besides its weights; None where nothing is known.

    Attributes:
        task: what its output is taken for.
        classes: names of classes, or of numbers.
        scores: what the output is.
        preprocessing: what is done to an image before the network sees it.
        image_shape: (C, H, W) of an image that is flattened afterwards.
    """

    task: TaskName | None = None
    classes: tuple[str, ...] | None = None
    scores: Scores | None = None
    preprocessing: PreprocessingOptions | None = None
    image_shape: tuple[int, ...] | None = None


def metadata_of(known: Description, *, graph_hash: str, run: str = "") -> dict[str, str]:
    """The entries of a file; what is not known has none."""
    entries: dict[str, Any] = {"task": known.task, "scores": known.scores, "graph_hash": graph_hash}
    entries |= {"version": __version__, "run": run or None}
    entries["classes"] = None if known.classes is None else _json(known.classes)
    entries["image_shape"] = None if known.image_shape is None else _json(known.image_shape)
    entries["preprocessing"] = None if known.preprocessing is None else preprocessing_json(known.preprocessing)
    return {f"{KEY}{name}": text for name, text in entries.items() if text is not None}


def description_in(metadata: Mapping[str, str], where: str) -> Description:
    """What the entries of the file `where` say. Raises `UserError` for one that cannot be understood."""
    given = {name.removeprefix(KEY): text for name, text in metadata.items() if name.startswith(KEY)}
    found: dict[str, Any] = {name: given[name] for name in ("task", "scores") if name in given}
    try:
        found |= {name: msgspec.json.decode(given[name]) for name in ("classes", "image_shape") if name in given}
        described = msgspec.convert(found, Description)
    except msgspec.MsgspecError as error:
        raise ModelError(f"{where}: what it says of itself cannot be understood ({error})") from error
    if "preprocessing" not in given:
        return described
    return replace(described, preprocessing=preprocessing_from_json(given["preprocessing"], where))


def _json(values: object) -> str:
    return msgspec.json.encode(values).decode()
