"""The rooms whose mutants are tried, and by what: the engines that `check` is run with, and the tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = "src/backproof"


@dataclass(frozen=True)
class Room:
    """A part of the source.

    Attributes:
        files: a pattern below `src/backproof`.
        engines: with which `check` is run; none where `check` does not enter the room.
        tests: patterns below `tests`, of the files nearest to the room; which of their tests reach one is recorded.
        compiled: whether Numba compiles. Where its own loops are mutated, they run as Python, which needs no
            compilation for each mutant, and finds an index that is out of bounds.
    """

    files: str
    engines: tuple[str, ...]
    tests: tuple[str, ...]
    compiled: bool = True


def _engine(name: str, *tests: str, compiled: bool = True) -> Room:
    return Room(f"engines/{name}/**/*.py", (name,), (f"engines/{name}/**/*.py", "engines/*.py", *tests), compiled)


OF_ENGINES = ("engines/test_[ce]*.py", "engines/test_optimizers.py", "engines/test_trainers.py")

ROOMS: dict[str, Room] = {
    "engines/numpy": _engine("numpy", "train/*.py"),
    "engines/numba": _engine("numba", compiled=False),
    "engines/reference": Room("engines/reference/**/*.py", ("reference", "numpy"), ("engines/*.py",)),
    "engines/torch": _engine("torch", "pytorch_samples/*.py"),
    "engines/jax": _engine("jax"),
    "engines/onnxruntime": _engine("onnxruntime", "interchange/**/*.py"),
    "engines": Room("engines/*.py", ("numpy", "reference"), (*OF_ENGINES, "verify/test_custom_file.py")),
    "optim": Room("optim/*.py", ("numpy",), ("optim/*.py", "runs/test_opt*.py")),
    "train": Room("train/*.py", (), ("train/*.py", "runs/test_launch.py", "runs/test_resume.py")),
    "data": Room("data/**/*.py", (), ("data/*.py", "tasks/*.py", "runs/test_tasks.py")),
    "graph": Room("graph/*.py", ("numpy",), ("graph/*.py", "ops/*.py", "models/test_models.py")),
}


def files_of_source(root: Path, room: str) -> list[str]:
    """The room's files, by their paths below the root of the project."""
    return list(_found(root, SOURCE, (ROOMS[room].files,)))


def files_of_tests(root: Path, room: str) -> list[str]:
    """The files of tests that are asked about the room's mutants."""
    return [file for file in _found(root, "tests", ROOMS[room].tests) if Path(file).name.startswith("test_")]


def _found(root: Path, folder: str, patterns: tuple[str, ...]) -> Iterator[str]:
    files = {p.relative_to(root).as_posix() for pattern in patterns for p in (root / folder).glob(pattern)}
    yield from sorted(files)
