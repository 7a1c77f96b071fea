"""Runs read back from their folders: after the fact, on another machine, or while the run goes on."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar
from zipfile import BadZipFile

import msgspec
import numpy as np

from backproof.data.targets import TargetSpec
from backproof.engines import Predictor, get_engine
from backproof.errors import RunError, unknown
from backproof.graph import Array, Graph
from backproof.metrics import Metrics
from backproof.runs.lock import is_held
from backproof.runs.spec import RunSpec
from backproof.runs.toml import read_tables, spec_from_tables, tables_of
from backproof.runs.use import again, engine_of
from backproof.strict_json import dumps, loads
from backproof.train.checkpoint import Checkpoint
from backproof.train.progress import EpochRecord

Status = Literal["running", "killed", "finished", "interrupted", "failed"]
Which = Literal["last", "best"]
Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """The data of a run: targets, samples in each partition, and what identifies it.

    `input_shape` is (C, H, W) or (D,), as the model takes a sample; `image_shape` is (C, H, W) or ().
    """

    name: str
    targets: TargetSpec
    train: int
    dev: int
    test: int
    input_shape: tuple[int, ...]
    skipped: tuple[str, ...] = ()
    fingerprint: str = ""
    image_shape: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; () where targets are no classes."""
        return self.targets.classes


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run ended.

    Attributes:
        status: finished, interrupted or failed; `error` says why it failed.
        parameters: trainable numbers of the network.
        train, dev, test: measured on the final weights (the best ones with keep_best); None if there is no such
            partition, or if the run did not finish.
        epochs: done.
        seconds: wall time of all epochs, dev evaluations included.
        peak_memory_mb: most resident memory of the whole process so far, in 10⁶ bytes; None where the system does
            not say.
        gradient_checks: how many were made, how many failed, and the largest relative error.
    """

    status: Literal["finished", "interrupted", "failed"]
    parameters: int
    train_samples: int
    parameters_per_sample: float
    epochs: int
    seconds: float
    error: str | None = None
    train: Metrics | None = None
    dev: Metrics | None = None
    test: Metrics | None = None
    early_stop_epoch: int | None = None
    best_epoch: int | None = None
    peak_memory_mb: float | None = None
    gradient_checks: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class NodeTime:
    """Seconds of a node in all `calls` of a profiled step together."""

    node: str
    op: str
    forward_s: float
    backward_s: float
    calls: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What profile.json holds."""

    nodes: list[NodeTime]


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """A line of steps.jsonl: what was measured of the epoch's training steps since the line before it, up to `step`.

    Attributes:
        step: steps taken, from the beginning of the run.
        epoch: from 1.
        train: means in training mode, weighted by the sizes of the minibatches.
        learning_rate: of that step.
        seconds: wall time of training and dev evaluations until then.
    """

    step: int
    epoch: int
    train: Metrics
    learning_rate: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RunSnapshot:
    """All of a run as it stood at one moment; it does not change while the run goes on.

    Attributes:
        run: its folder, for weights.
        status: "running" as long as a process holds the folder's lock, "killed" if none does and the run has no
            result. Where the system has no locks (Windows) a killed run is taken for a running one.
        environment: versions, linear-algebra library, threads, machine, commit.
        graph: the network, with its loss.
        epochs, steps: those done, and records of steps, a few a second.
        kept: epochs of which arrays were kept.
        result: how it ended; None as long as it has not.
        node_times: of a training step; None if the run was not profiled.
    """

    run: "Run"
    status: Status
    spec: RunSpec
    environment: dict[str, Any]
    dataset: DatasetRecord
    graph: Graph
    epochs: tuple[EpochRecord, ...]
    steps: tuple[StepRecord, ...]
    kept: tuple[int, ...]
    result: RunResult | None
    node_times: tuple[NodeTime, ...] | None

    @property
    def name(self) -> str:
        """The run's."""
        return self.run.name

    def arrays(self, epoch: int) -> dict[str, Array]:
        """What was kept of an epoch; empty if nothing was, or if the run was taken back to before it."""
        return self.run.arrays(epoch) if epoch in self.kept else {}

    def weights(self, which: Which = "last") -> dict[str, Array]:
        """Those of the run's folder now; see `Run.weights`."""
        return self.run.weights(which)

    def final(self) -> dict[str, Array]:
        """What the task keeps of the test samples; empty for a run that has not finished."""
        return self.run.final() if self.status == "finished" else {}


@dataclass(frozen=True)
class Run:
    """A run's folder, read when asked. Open one with `open_run`.

    Reading executes nothing; computing needs what the user wrote: see `backproof.runs.use.again`.

    Attributes:
        use_kept: whether to compute with the copies of the user's files that the run keeps.
    """

    path: Path
    name: str = field(init=False)
    use_kept: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.path.resolve().name)

    @cached_property
    def spec(self) -> RunSpec:
        """Everything that decides the result; the run can be repeated from it."""
        path = self.path / "spec.toml"
        (given, *_) = read_tables(path)
        if not given:
            raise RunError(f"'{path}' is damaged: it is empty")
        return spec_from_tables(given, str(path))

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, linear-algebra library, threads, machine, commit."""
        with _reading(self.path / "environment.json") as path:
            return loads(path.read_text(), dict[str, Any])

    @cached_property
    def dataset(self) -> DatasetRecord:
        """The data."""
        with _reading(self.path / "dataset.json") as path:
            content = loads(path.read_text(), dict[str, Any])
            if "classes" in content:  # a run from before there were other targets
                content["targets"] = {"kind": "class", "names": content.pop("classes")}
            return loads(dumps(content), DatasetRecord)

    @cached_property
    def graph(self) -> Graph:
        """The network, with its loss. Operations of a user whose file was not executed are of the kind `UnknownOp`."""
        return self.read_graph()

    def read_graph(self) -> Graph:
        """The network anew, with the operations that are known by now."""
        import backproof.ops  # noqa: F401  (the operations that the file names)

        with _reading(self.path / "graph.json") as path:
            return Graph.from_json(path.read_text())

    @property
    def status(self) -> Status:
        """How it ended, or whether it still goes on; see `RunSnapshot`."""
        return self._end()[0]

    def snapshot(self) -> RunSnapshot:
        """Read all of the run once. Raises `UserError` for a file that is missing or damaged."""
        status, result = self._end()
        epochs = tuple(self.epochs())
        kept = {int(path.stem) for path in (self.path / "epochs").glob("[0-9]*.npz")}
        times = self.node_times()
        return RunSnapshot(
            run=self,
            status=status,
            spec=self.spec,
            environment=self.environment,
            dataset=self.dataset,
            graph=self.graph,
            epochs=epochs,
            steps=tuple(self.steps()),
            kept=tuple(record.epoch for record in epochs if record.epoch in kept),
            result=result,
            node_times=None if times is None else tuple(times),
        )

    def _end(self) -> tuple[Status, RunResult | None]:
        held = is_held(self.path)  # asked first: a run writes its result before it lets go of the lock
        result = self.result()
        return result.status if result is not None else "running" if held else "killed", result

    def result(self) -> RunResult | None:
        """How it ended, or None as long as it has not."""
        with _reading(self.path / "result.json") as path:
            return loads(path.read_text(), RunResult) if path.exists() else None

    def epochs(self) -> list[EpochRecord]:
        """The epochs that are done."""
        return _records(self.path / "metrics.jsonl", EpochRecord)

    def steps(self) -> list[StepRecord]:
        """Records of training steps, a few a second; fewer where a run is long."""
        return _records(self.path / "steps.jsonl", StepRecord)

    def arrays(self, epoch: int) -> dict[str, Array]:
        """What was kept of an epoch: confusion matrix, tracked weights, samples; empty if nothing was."""
        return self._arrays(f"epochs/{epoch:04}.npz")

    def final(self) -> dict[str, Array]:
        """What the task keeps of the test samples, measured on the final weights; empty if there is nothing (yet)."""
        return self._arrays("final.npz")

    def _arrays(self, name: str) -> dict[str, Array]:
        with _reading(self.path / name) as path:
            if not path.exists():
                return {}
            with path.open("rb") as opened, np.load(opened) as file:
                return dict(file)

    def node_times(self) -> list[NodeTime] | None:
        """The time of each node of a training step; None if the run was not profiled."""
        with _reading(self.path / "profile.json") as path:
            return loads(path.read_text(), Profile).nodes if path.exists() else None

    def weights(self, which: Which = "last") -> dict[str, Array]:
        """Parameters by full name, running statistics included. Raises `UserError` if there are none (yet)."""
        return dict(self.checkpoint(which).parameters)

    def checkpoint(self, which: Which = "last") -> Checkpoint:
        """Weights, optimizer state and progress. Raises `UserError` if there is none (yet)."""
        path = self.path / f"{which}.safetensors"
        if not path.exists():
            why = " (best weights need a dev partition and eval_dev)" if which == "best" else ""
            raise RunError(f"run '{self.name}' has no {which} weights{why}")
        return Checkpoint.read(path)

    def predictor(self, which: Which | None = None, engine: str | None = None) -> Predictor:
        """The trained network, ready to compute, on the run's engine or another one; without loss if that cannot train.

        `which` None stands for the final weights: the best ones with keep_best, else the last.
        """
        options = self.spec.engine
        which = which or ("best" if self.spec.training.keep_best else "last")
        with again(self.path, tables_of(self.spec), kept=self.use_kept):
            if engine is None or engine == options.engine:
                compute, device = engine_of(self.spec), options.device
            else:
                compute, device = get_engine(engine), "cpu"
            graph, weights = self.read_graph(), self.weights(which)
            if not compute.capabilities.trains:
                graph = graph.without_loss()
                weights = {name: weights[name] for name in graph.parameters}
            return compute.compile(graph, weights, dtype=options.dtype, device=device)


@contextmanager
def _reading(path: Path) -> Iterator[Path]:
    """The path of a run's file. What is raised by a file that is missing or damaged becomes a `UserError` naming it."""
    try:
        yield path
    except FileNotFoundError as error:
        raise RunError(f"run '{path.parent}' is not whole: it has no {path.name}") from error
    except OSError as error:
        raise RunError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error, msgspec.MsgspecError) as error:
        raise RunError(f"'{path}' is damaged: {error}") from error


def _records(path: Path, kind: type[Record]) -> list[Record]:
    """The whole lines of a file; the last one may be just being written. None if there is no such file."""
    with _reading(path):
        text = path.read_text() if path.exists() else ""
        return [loads(line, kind) for line in text[: text.rfind("\n") + 1].splitlines()]


def snapshots(runs: "Sequence[Run | RunSnapshot]") -> list[RunSnapshot]:
    """A snapshot of each run that is not one already."""
    return [run.snapshot() if isinstance(run, Run) else run for run in runs]


def open_run(path: str | Path, *, use_kept: bool = False) -> Run:
    """The run in the folder `path`. Raises `UserError` for a folder that is no run, offering the nearest names.

    With `use_kept`, its predictor computes with the copies of the user's own files that the run keeps.
    """
    path = Path(path)
    if is_run(path):
        return Run(path, use_kept=use_kept)
    near = [str(other) for other in path.parent.glob("*") if is_run(other)]
    if path.exists():
        raise RunError(f"'{path}' is no run: it has no spec.toml and environment.json")
    raise unknown("run", str(path), near, RunError) if near else RunError(f"there is no run '{path}'")


def list_runs(runs_dir: str | Path) -> list[Run]:
    """All runs in a folder, the oldest first. None if there is no such folder."""
    folders = [path for path in Path(runs_dir).glob("*") if is_run(path)]
    return sorted(map(Run, folders), key=lambda run: (run.environment.get("started", ""), run.name))


def is_run(path: Path) -> bool:
    """Whether a folder holds a run."""
    kept = all((path / name).is_file() for name in ("spec.toml", "environment.json"))
    return kept and not path.name.startswith(".")
