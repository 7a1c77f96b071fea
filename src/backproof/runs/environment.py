"""In what surroundings a run was made."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from backproof import __version__
from backproof.engines.registry import get_engine, require_entry


def now() -> str:
    """This moment, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def environment(engine: str) -> dict[str, Any]:
    """Versions, the engine's linear algebra and threads, machine, and the source's commit if it is a git checkout."""
    details = get_engine(engine).info().details
    commit, dirty = source_commit()
    return {
        "backproof": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **{library: version(library) for library in {require_entry(engine).requires} - {"numpy"}},
        "blas": details.get("blas"),
        "threads": details.get("threads"),
        "platform": platform.platform(),
        "cpu": cpu(),
        "commit": commit,
        "dirty": dirty,
        "started": now(),
    }


def cpu() -> str:
    """The processor's name as the system gives it."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def source_commit() -> tuple[str | None, bool | None]:
    """The commit of the source that runs and whether it was changed since; None outside of a git checkout."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD").strip()
        return commit, bool(_git(folder, "status", "--porcelain", "--", str(folder.parent)))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10, env=environment
    )
    return done.stdout
