"""A user's own Python file: run as a module, and what goes wrong in it said in one sentence with the line."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from backproof.errors import UserError

USER_MODULE = "backproof_user_"
"""What the names of modules made from users' files begin with."""


@dataclass(frozen=True)
class Source:
    """A user's file that was executed.

    Attributes:
        path: the file, resolved.
        content: the bytes that were executed, and `sha256`, what identifies them.
        module: what they became.
        beside: files of the same folder that it may have imported, resolved.
        package: whether it is an installed package rather than a file.
    """

    path: Path
    content: bytes
    module: ModuleType
    beside: tuple[Path, ...] = ()
    package: bool = False

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits."""
        return sha256(self.content).hexdigest()

    def wrote(self, part: Any) -> bool:
        """Whether a class or function stands in this file, beside it, or in this package."""
        name = getattr(part, "__module__", "")
        if self.package or name == self.module.__name__:
            return bool(f"{name}.".startswith(f"{self.module.__name__}."))
        return getattr(sys.modules.get(name), "__file__", None) in {str(path) for path in self.beside}


EXECUTED: dict[Path, Source] = {}
"""The latest execution of each file in this process."""

PACKAGES: list[str] = []
"""Packages that were asked for by `use`."""

INSTEAD: dict[Path, Path] = {}
"""Files that are executed instead of others: what a run has kept, instead of what is not there any more."""

FORGETTERS: list[Callable[[str], None]] = []
"""Called with the name of a module that failed, or that is executed anew: what it had entered elsewhere goes."""


def is_reference(name: str) -> bool:
    """Whether a name means something in a file: `path/to/file.py:NAME`, or the file alone."""
    return name.endswith(".py") or ".py:" in name


def split_reference(reference: str) -> tuple[Path, str]:
    """`path/to/file.py:NAME` as file and name; "" for a name that is not given."""
    if reference.endswith(".py"):
        return Path(reference), ""
    path, _, name = reference.rpartition(":")
    return Path(path), name


def execute(path: Path, subject: str) -> Source:
    """Run the file as a module, with its folder importable meanwhile, as Python does for scripts.

    A file that was executed before, and has not changed, is not executed again. Raises `UserError`, which begins with
    `subject`, if there is no such file, if it is no Python file, or if it fails.
    """
    resolved = INSTEAD.get(path.resolve(), path.resolve())
    try:
        content = resolved.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{subject}: there is no file '{path}'") from None
    except OSError as error:
        raise UserError(f"{subject}: '{path}' cannot be read: {error.strerror or error}") from error
    if resolved.suffix != ".py":
        raise UserError(f"{subject} is no Python file; its name must end in .py")
    known = EXECUTED.get(resolved)
    if known is None or known.content != content:
        known = EXECUTED[resolved] = _execute(path, resolved, content, subject)
    return known


def _execute(path: Path, resolved: Path, content: bytes, subject: str) -> Source:
    for module in list(sys.modules.values()):  # a script, or what another file has imported, is not executed twice
        if getattr(module, "__file__", None) == str(resolved) and not module.__name__.startswith(USER_MODULE):
            if resolved in EXECUTED:
                raise UserError(f"{subject} has changed since it was imported; begin a new Python process")
            return Source(resolved, content, module)
    module = ModuleType(f"{USER_MODULE}{sha256(str(resolved).encode()).hexdigest()[:12]}")
    module.__file__ = str(resolved)
    _forget(module.__name__)
    EXECUTED.pop(resolved, None)
    sys.modules[module.__name__] = module  # dataclasses look their module up here
    neighbours = {p.stem: source.module for p, source in EXECUTED.items() if p.parent == resolved.parent}
    before = set(sys.modules)
    sys.modules.update({name: neighbour for name, neighbour in neighbours.items() if name not in before})
    sys.path.insert(0, str(resolved.parent))
    try:
        exec(compile(content, str(resolved), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        _forget(module.__name__)
        del sys.modules[module.__name__]
        raise failure(path, error, subject) from error
    finally:
        sys.path.remove(str(resolved.parent))
        for name in neighbours.keys() - before:
            del sys.modules[name]
    imported = [getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before]
    beside = {Path(file) for file in imported if file and "site-packages" not in file} - {resolved}
    beside |= {other for source in EXECUTED.values() for other in (source.path, *source.beside)}
    return Source(resolved, content, module, tuple(sorted(p for p in beside if p.is_relative_to(resolved.parent))))


def _forget(module: str) -> None:
    for forget in FORGETTERS:
        forget(module)


@contextmanager
def reporting_failures(written: Callable[..., Any], subject: str) -> Iterator[None]:
    """Within it, an error in a function or class of a user's file is one sentence; others keep their traceback."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not written.__module__.startswith(USER_MODULE):
            raise
        file = getattr(sys.modules.get(written.__module__), "__file__", None) or ""
        raise failure(Path(file), error, subject) from error


def all_used() -> list[str]:
    """What another process has to `use` to know the same parts."""
    return [*map(str, EXECUTED), *PACKAGES]


def use_all(names: Iterable[str]) -> None:
    """`use` each; see `all_used`."""
    for name in names:
        use(name)


def failure(path: Path, error: BaseException, subject: str, where: str = "") -> UserError:
    """One sentence: `subject`, the file's last line under way, `where`, and the error's own words."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename) == path.resolve()]
    line = lines[-1] if lines else error.lineno if isinstance(error, SyntaxError) else None
    place = f", line {line}" if line else ""
    what = str(error) if isinstance(error, UserError) else in_one_line(error)
    return UserError(f"{subject}{place}: {f'{where}: ' if where else ''}{what}")


def in_one_line(error: BaseException) -> str:
    """The kind of an error, and its own words if it has any."""
    return ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split()))))


def use(name: str) -> Source:
    """Execute a file, or import an installed package by its name or that of its entry point in `backproof.plugins`.

    What it declares can then be used by name. Raises `UserError` if there is none of that name, or if it fails.
    """
    if is_reference(name) or "/" in name or "\\" in name or Path(name).is_file():
        return execute(Path(name), f"'{name}'")
    points = {point.name: point.value for point in entry_points(group="backproof.plugins")}
    package = points.get(name, name).partition(":")[0]
    try:
        module = import_module(package)
    except ImportError as error:
        if not isinstance(error, ModuleNotFoundError) or not f"{package}.".startswith(f"{error.name}."):
            raise UserError(f"package '{name}' cannot be imported: {in_one_line(error)}") from error
        known = f"; installed with parts for backproof are: {', '.join(points)}" if points else ""
        raise UserError(f"there is no package '{name}', and a file's name ends in .py{known}") from None
    except Exception as error:
        raise UserError(f"package '{name}' cannot be imported: {in_one_line(error)}") from error
    PACKAGES.append(name)
    path = Path(module.__file__ or name)
    return Source(path, path.read_bytes() if path.is_file() else b"", module, package=True)
