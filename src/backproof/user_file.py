"""A user's own Python file: run as a module, and what goes wrong in it told in one sentence with the line."""

import sys
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from backproof.errors import UserError


def execute(path: Path, subject: str) -> ModuleType:
    """Run the file as a module, with its folder importable meanwhile, as Python does for scripts.

    Raises `UserError`, which begins with `subject`, if it is no Python file or fails.
    """
    resolved = path.resolve()
    spec = spec_from_file_location(f"backproof_user_{sha256(str(resolved).encode()).hexdigest()[:12]}", resolved)
    if spec is None or spec.loader is None:
        raise UserError(f"{subject} is no Python file; its name must end in .py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up here
    sys.path.insert(0, str(resolved.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise failure(path, error, subject) from error
    finally:
        sys.path.remove(str(resolved.parent))
    return module


def failure(path: Path, error: BaseException, subject: str, where: str = "") -> UserError:
    """One sentence: `subject`, the file's last line under way, `where`, and the error's own words."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename) == path.resolve()]
    line = lines[-1] if lines else error.lineno if isinstance(error, SyntaxError) else None
    place = f", line {line}" if line else ""
    what = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return UserError(f"{subject}{place}: {f'{where}: ' if where else ''}{what}")
