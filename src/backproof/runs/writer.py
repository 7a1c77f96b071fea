"""Keeping a run: the observer that writes its folder.

At the end of an epoch `last.safetensors` is written last of all. What lies behind it in the other files belongs to
steps that a resumed run takes again, so it is cut off then.
"""

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from backproof.errors import OptionError, RunError, named
from backproof.graph import Array, Arrays, Graph
from backproof.runs.spec import RunSpec
from backproof.runs.store import DatasetRecord, Run, RunResult, is_run
from backproof.runs.toml import to_toml
from backproof.strict_json import dumps
from backproof.train.checkpoint import Checkpoint, write_atomically
from backproof.train.events import EpochDone, Interrupted, Observer, RunStarted, StepDone

CHECKPOINT_SECONDS = 30.0
"""Between checkpoints within an epoch, when no number of steps is given."""


Extra = Callable[[EpochDone], dict[str, Array]]
"""Something more to keep of each epoch, as arrays by name."""


class RunWriter(Observer):
    """Writes what a run keeps. Each file is whole at any moment, or ends in whole lines and one broken one at most."""

    def __init__(self, folder: Path, checkpoint_every: int = 0, extras: Sequence[Extra] = ()) -> None:
        self.folder = folder
        self._every = checkpoint_every
        self._extras = extras
        self._latest = monotonic()

    def run_started(self, event: RunStarted) -> None:
        self._trainer = event.trainer

    def step_done(self, event: StepDone) -> None:
        if self._every:
            due = event.progress.step % self._every == 0
        else:
            due = monotonic() - self._latest >= CHECKPOINT_SECONDS
        if due:
            self._write_checkpoint(Checkpoint.of(self._trainer, event.progress))

    def epoch_done(self, event: EpochDone) -> None:
        arrays: dict[str, Any] = {} if event.dev is None else {f"{name}_dev": a for name, a in event.dev.arrays.items()}
        for extra in self._extras:
            arrays |= extra(event)
        checkpoint = Checkpoint.of(event.trainer, event.progress)
        with writing(self.folder):
            if arrays:
                (self.folder / "epochs").mkdir(exist_ok=True)
                write_arrays(self.folder / "epochs" / f"{event.record.epoch:04}.npz", arrays)
            with (self.folder / "metrics.jsonl").open("a") as file:
                file.write(dumps(asdict(event.record)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        self._write_checkpoint(checkpoint, best=event.best)

    def interrupted(self, event: Interrupted) -> None:
        self._write_checkpoint(Checkpoint.of(self._trainer, event.progress))

    def finish(self, result: RunResult, arrays: Arrays | None = None) -> None:
        """The last thing written: how the run ended, and arrays of the final weights."""
        with writing(self.folder):
            if arrays:
                write_arrays(self.folder / "final.npz", arrays)
            write_json(self.folder / "result.json", asdict(result))

    def _write_checkpoint(self, checkpoint: Checkpoint, *, best: bool = False) -> None:
        content = checkpoint.to_bytes()
        with writing(self.folder):
            if best:
                write_atomically(self.folder / "best.safetensors", content)
            write_atomically(self.folder / "last.safetensors", content)
        self._latest = monotonic()


def create_folder(
    spec: RunSpec,
    environment: dict[str, Any],
    dataset: DatasetRecord,
    graph: Graph,
    start: Checkpoint,
    more: Callable[[Path], None],
) -> tuple[Path, RunSpec]:
    """Make a run's folder, complete at once, under a name that no other run has; the specification gets that name.

    `more(folder)` writes what else there is to keep.

    Raises `UserError` if it cannot be written; then nothing is left behind.
    """
    runs = Path(spec.output.runs_dir)
    base = spec.output.name or default_name(spec)
    made = None if runs.exists() else runs
    try:
        with writing(runs):
            runs.mkdir(parents=True, exist_ok=True)
            building = Path(tempfile.mkdtemp(prefix=f".{base}.", dir=runs))
        try:
            with writing(runs):
                write_json(building / "environment.json", environment)
                write_json(building / "dataset.json", asdict(dataset))
                write_atomically(building / "graph.json", graph.to_json().encode())
                write_atomically(building / "last.safetensors", start.to_bytes())
                more(building)
                building.chmod(0o755)  # mkdtemp makes folders that only their owner can open
            return _name(building, runs, base, spec)
        finally:
            shutil.rmtree(building, ignore_errors=True)  # gone already if all went well
    except BaseException:
        if made is not None and made.exists() and not any(made.iterdir()):
            made.rmdir()
        raise


def _name(building: Path, runs: Path, base: str, spec: RunSpec) -> tuple[Path, RunSpec]:
    """Give the finished folder the first free name, in one atomic step each try."""
    for number in count(1):
        name = base if number == 1 else f"{base}-{number}"
        if (runs / name).exists():
            continue
        named = replace(spec, output=replace(spec.output, name=name))
        with writing(runs):
            write_atomically(building / "spec.toml", to_toml(named).encode())
            try:
                building.rename(runs / name)
            except OSError:
                if not (runs / name).exists():  # else another process took the name a moment ago
                    raise
                continue
        return runs / name, named
    raise AssertionError("numbers do not end")


def default_name(spec: RunSpec) -> str:
    """Model and engine: `mlp-numpy`; of a user's model the function's name."""
    model = spec.model.model.rpartition(":")[2].rpartition("/")[2].removesuffix(".py").removesuffix(".onnx")
    return f"{model}-{spec.engine.engine}"


def check_name(name: str) -> None:
    """Raise `UserError` for a name that cannot be a folder's."""
    if name.startswith(".") or set(name) & set('/\\:*?"<>|') or not name.isprintable():
        raise OptionError("{name} is '{}'; it names a folder, so it has no slash and begins with no dot", name)


def rewind(run: Run, epochs: int, step: int, spec: RunSpec, resumed: str) -> None:
    """Bring a run's files back to its last checkpoint: after so many whole epochs, and at that step."""
    kept = run.snapshot()  # nothing is changed where a file is damaged
    metrics = run.path / "metrics.jsonl"
    if [record.epoch for record in kept.epochs[:epochs]] != list(range(1, epochs + 1)):
        whole = f"{len(kept.epochs)} whole epochs" if len(kept.epochs) != 1 else "1 whole epoch"
        raise RunError(f"'{metrics}' is damaged: it has {whole}, but the last checkpoint stands behind epoch {epochs}")
    steps = [asdict(record) for record in kept.steps if record.step <= step]
    with writing(run.path):
        for name in ("result.json", "final.npz"):
            (run.path / name).unlink(missing_ok=True)
        lines = metrics.read_text().splitlines(keepends=True) if metrics.exists() else []
        write_atomically(metrics, "".join(lines[:epochs]).encode())
        write_atomically(run.path / "steps.jsonl", "".join(dumps(record) + "\n" for record in steps).encode())
        for path in (run.path / "epochs").glob("*.npz"):
            if int(path.stem) > epochs:
                path.unlink()
        write_atomically(run.path / "spec.toml", to_toml(spec).encode())
        environment = kept.environment | {"resumed": [*kept.environment.get("resumed", []), resumed]}
        write_json(run.path / "environment.json", environment)


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Arrays by name, compressed."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_atomically(path, content.getvalue())


def write_json(path: Path, content: object) -> None:
    """Plain values as JSON for people."""
    write_atomically(path, (dumps(content, indent=1) + "\n").encode())


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the system's refusal into one sentence for the user."""
    try:
        yield
    except OSError as error:
        hint = named("; what was kept before is whole: go on with {resume:{}}", folder) if is_run(folder) else ""
        raise RunError(f"cannot write in '{folder}': {error.strerror or error}{hint}") from error
