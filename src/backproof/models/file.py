"""A model from a user's own Python file, and which line of it is at fault when it fails."""

import sys
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from inspect import getmembers, isfunction
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from backproof.errors import UserError, unknown
from backproof.models.registry import Model


def is_file(name: str) -> bool:
    """Whether a model's name means a file: `path/to/file.py:function`."""
    return name.endswith(".py") or ".py:" in name


def load(name: str) -> Model:
    """The function that `path/to/file.py:function` names.

    Raises `UserError` if there is no such file or function, or if the file fails while it is read.
    """
    path, function = _split(name)
    if not path.is_file():
        raise UserError(f"model '{name}': there is no file '{path}'")
    module = _execute(name, path)
    own = {key: f for key, f in getmembers(module, isfunction) if f.__module__ == module.__name__}
    if not function:
        listed = ", ".join(own) or "none"
        raise UserError(f"model '{name}' names no function; write {path}:FUNCTION, where the file has: {listed}")
    if not own:
        raise UserError(f"model '{name}': '{path}' has no function")
    if function not in own:
        raise unknown(f"function of '{path}'", function, own)
    return own[function]


def failure(name: str, error: BaseException) -> UserError:
    """What went wrong in a user's file, in one sentence with the line."""
    path, _ = _split(name)
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename) == path.resolve()]
    line = lines[-1] if lines else error.lineno if isinstance(error, SyntaxError) else None
    place = f", line {line}" if line else ""
    what = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return UserError(f"model '{name}'{place}: {what}")


def _split(name: str) -> tuple[Path, str]:
    if name.endswith(".py"):
        return Path(name), ""
    path, _, function = name.rpartition(":")
    return Path(path), function


def _execute(name: str, path: Path) -> ModuleType:
    """Run the file as a module, with its folder importable meanwhile, as Python does for scripts."""
    resolved = path.resolve()
    spec = spec_from_file_location(f"backproof_model_{sha256(str(resolved).encode()).hexdigest()[:12]}", resolved)
    assert spec is not None, "a file that ends in .py has a loader"
    assert spec.loader is not None, "a file that ends in .py has a loader"
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up here
    sys.path.insert(0, str(resolved.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise failure(name, error) from error
    finally:
        sys.path.remove(str(resolved.parent))
    return module
