"""A model from a user's own Python file, and which line of it is at fault when it fails."""

from inspect import getmembers, isfunction
from pathlib import Path

from backproof import user_file
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
    module = user_file.execute(path, f"model '{name}'")
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
    return user_file.failure(path, error, f"model '{name}'")


def _split(name: str) -> tuple[Path, str]:
    if name.endswith(".py"):
        return Path(name), ""
    path, _, function = name.rpartition(":")
    return Path(path), function
