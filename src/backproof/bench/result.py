"""Experiments with their surroundings, as JSON, there and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from backproof.bench.measurement import Experiment
from backproof.errors import OptionError, UserError

LIBRARIES = ("numpy", "torch", "scikit-learn", "numba", "jax", "onnxruntime", "pillow")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a benchmark found.

    Attributes:
        environment: machine, versions, commit, time.
        experiments: in the order in which they ran.
        seconds: how long all of it took.
    """

    environment: Mapping[str, Any]
    experiments: Sequence[Experiment]
    seconds: float

    def to_json(self) -> str:
        """Every time of every round; medians, quartiles and ratios beside them for whoever has no program at hand."""
        content = msgspec.to_builtins(self)
        for experiment, shown in zip(self.experiments, content["experiments"], strict=True):
            for m, entry in zip(experiment.measurements, shown["measurements"], strict=True):
                entry |= {"median": m.median, "quartiles": m.quartiles, "ratio": experiment.ratio(m)}
        return msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n"

    def write(self, path: Path) -> None:
        """Raises `UserError` where it cannot be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.to_json(), encoding="utf-8")
        except OSError as error:
            raise OptionError("{output:{}} cannot be written: {}", path, error.strerror) from error

    @classmethod
    def read(cls, path: Path) -> "Result":
        """What `write` wrote. Raises `UserError` for a file that is none or not there."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise UserError(f"{path} is not a file that `backproof bench` wrote: {error}") from error


def versions() -> dict[str, str]:
    """The installed libraries that contenders stand on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
