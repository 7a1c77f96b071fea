"""Failures kept in files, each whole: network, numbers, both answers. And computed again from there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from shlex import quote
from typing import Any
from zipfile import BadZipFile

import numpy as np

from backproof.engines import Engine, Mode, get_engine, variants
from backproof.errors import OptionError, UserError
from backproof.graph import Array, Graph
from backproof.optim import SCHEDULES, Optimizer, require_optimizer
from backproof.user_file import EXECUTED
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.core.case import Case, results
from backproof.verify.core.failure import Failure
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.core.location import Location
from backproof.verify.optimizers.place import Place, compare_step

GROUPS = ("parameters", "inputs", "state", "found", "expected")
WORDS = ("comparison", "graph", "mode", "tolerance", "optimizer", "file")
"""What a file holds: arrays in groups, and what is said of them."""

ENOUGH = 20
"""Files that one check keeps of one operation in one engine and dtype; more would say nothing new."""


@dataclass(frozen=True)
class Keeper:
    """A `Keep` that writes each failure into a folder.

    Attributes:
        folder: made when it is needed.
        file: the user's file that the operation or optimizer is from, if it is not one of ours.
    """

    folder: Path
    file: Path | None = None
    _kept: dict[str, list[Path]] = field(default_factory=dict)

    def __call__(self, failure: Failure) -> str:
        """Write the failure into a new file, and say how to see it again; after `ENOUGH` of a name, the last one."""
        kept = self._kept.setdefault(failure.name, [])
        if len(kept) < ENOUGH:
            kept.append(self._write(failure))
        use = f" --use {quote(str(self.file))}" if self.file else ""
        return f"backproof check replay {quote(str(kept[-1]))}{use}"

    def _write(self, failure: Failure) -> Path:
        """The first file of the failure's name that is not there yet: those of earlier checks stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = (self.folder / f"{failure.name}-{n}.npz" for n in count(1))
        path = next(path for path in paths if not path.exists())
        case = failure.case
        groups = {"parameters": case.parameters, "inputs": case.inputs, "state": failure.state}
        groups |= {"found": _by_key(failure.found), "expected": _by_key(failure.expected)}
        about = {
            "comparison": asdict(failure.comparison),
            "graph": case.graph.to_json(),
            "mode": asdict(case.mode),
            "tolerance": failure.tolerance,
            "optimizer": None if failure.optimizer is None else optimizer_to_json(failure.optimizer),
            "file": str(self.file.resolve()) if self.file else None,
        }
        arrays = {f"{group}/{name}": value for group, named in groups.items() for name, value in named.items()}
        np.savez(path, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
        return path


def _by_key(arrays: Mapping[Location, Array]) -> dict[str, Array]:
    return {location.key: array for location, array in arrays.items()}


def optimizer_to_json(optimizer: Optimizer) -> dict[str, Any]:
    """Kind and settings of an optimizer and of its schedule."""
    settings = asdict(optimizer)
    settings["schedule"] = {"kind": type(optimizer.schedule).__name__, **settings["schedule"]}
    return {"kind": type(optimizer).__name__, **settings}


def optimizer_from_json(content: Mapping[str, Any]) -> Optimizer:
    """The optimizer that `optimizer_to_json` wrote."""
    settings, schedule = dict(content), dict(content["schedule"])
    settings["schedule"] = SCHEDULES.require(schedule.pop("kind").lower())(**schedule)
    return require_optimizer(settings.pop("kind"))(**settings)


def read_failure(path: Path) -> Failure:
    """What a `Keeper` wrote. Raises `UserError` for a file that is missing or something else."""
    if not path.is_file():
        raise UserError(f"there is no file '{path}'")
    try:
        about, groups = _content(path)
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile) as error:
        raise UserError(f"'{path}' is no file that `backproof check --save` wrote: {error}") from error
    if about["file"] and Path(about["file"]) not in EXECUTED:  # it may come from anybody
        raise OptionError(
            "'{}' needs '{}', which the check had executed; add {use:{}}", path, about["file"], about["file"]
        )
    graph, mode = Graph.from_json(about["graph"]), Mode(**about["mode"])
    return Failure(
        comparison=FindingBuilder(**about["comparison"]),
        case=Case(graph, groups["parameters"], groups["inputs"], mode),
        found={Location.of_key(key): array for key, array in groups["found"].items()},
        expected={Location.of_key(key): array for key, array in groups["expected"].items()},
        tolerance=about["tolerance"],
        optimizer=about["optimizer"] and optimizer_from_json(about["optimizer"]),
        state=groups["state"],
    )


def _content(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Array]]]:
    """What a file says in words, and its arrays by group."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        groups: dict[str, dict[str, Array]] = {group: {} for group in GROUPS}
        for key in arrays.files:
            group, _, name = key.partition("/")
            if name:
                groups[group][name] = arrays[key]
    return {word: about[word] for word in WORDS}, groups


def replay(path: Path, engines: Sequence[Engine] = ()) -> CheckReport:
    """Compute a kept failure again, in `engines` or the one that was wrong, against the values expected then."""
    failure = read_failure(path)
    findings: list[Finding] = []
    then = failure.comparison
    for chosen in engines or (_engine(then.engine),):
        engine = variants(chosen).get(then.variant, chosen)
        now = replace(then, subject=failure.name, case=f"replay of {path.name}", engine=engine.name, replay="")
        try:
            findings += _again(engine, failure, now)
        except Exception as error:  # what it is, is what the user wants to see
            findings.append(now.failed(error))
    return CheckReport(f"replay of {path}", tuple(findings), {})


def _again(engine: Engine, failure: Failure, comparison: FindingBuilder) -> list[Finding]:
    """What the engine makes of it now, compared as it was then."""
    case = failure.case
    trainer = engine.compile(case.graph, case.parameters, dtype=comparison.dtype)
    if failure.optimizer is not None:
        trainer.load_optimizer_state(failure.optimizer, failure.state)
        before = Place(case.parameters, failure.state)
        trainer.train_step(case.inputs, failure.optimizer, case.mode)
        way = (before.arrays, failure.expected)
        return list(compare_step(Place.of(trainer).arrays, way, comparison, failure.tolerance))
    found = results(trainer, case)
    return [comparison.array(at, found.get(at), y, failure.tolerance) for at, y in failure.expected.items()]


def _engine(name: str) -> Engine:
    from backproof.verify.custom.engine import CustomEngine

    return CustomEngine() if name == CustomEngine.name else get_engine(name)
