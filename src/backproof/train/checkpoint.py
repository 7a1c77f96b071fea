"""Checkpoints: everything needed to go on exactly, in one safetensors file that is either the old or the new one."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backproof.engines.base import Trainer
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.train.progress import Progress


@dataclass(frozen=True)
class Checkpoint:
    """Weights by full name, optimizer state as `slot/parameter`, and where the training stands."""

    parameters: Arrays
    optimizer: Arrays
    progress: Progress

    @classmethod
    def of(cls, trainer: Trainer, progress: Progress) -> "Checkpoint":
        """The state of a trainer between two steps."""
        return cls(trainer.parameters(), trainer.optimizer_state(), progress)

    def to_bytes(self) -> bytes:
        """The file's content: `parameters/...` and `optimizer/...`, with the progress as JSON in the metadata."""
        from safetensors.numpy import save

        tensors = {f"parameters/{name}": a for name, a in self.parameters.items()}
        tensors |= {f"optimizer/{name}": a for name, a in self.optimizer.items()}
        contiguous = {name: np.asarray(a, order="C") for name, a in tensors.items()}
        content: bytes = save(contiguous, {"format": "backproof 1", "progress": json.dumps(self.progress.to_json())})
        return content

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Raises `UserError` for a file that is missing or is no checkpoint."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                progress = Progress.from_json(json.loads(file.metadata()["progress"]))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"'{path}' cannot be read as a checkpoint: {error}") from error
        parts: dict[str, dict[str, Array]] = {"parameters": {}, "optimizer": {}}
        for name, array in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = array
        return cls(parts["parameters"], parts["optimizer"], progress)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` so that, whatever happens, `path` is the old file or the new one, and whole.

    Raises `OSError`, with nothing left behind, if the disk is full or the folder not writable.
    """
    temporary = path.with_name(f".{path.name}.new")  # always the same, so that a killed run leaves one at most
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
