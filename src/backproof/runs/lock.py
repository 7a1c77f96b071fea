"""One writer a run: two processes that trained the same run would spoil its files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backproof.errors import UserError


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the run's folder. The system lets go of it when the process ends, however it ends.

    Raises `UserError` if another process holds it. Windows has no such locks: there nothing is held.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UserError(f"run '{folder.name}' is being trained by another process; wait for it, or stop it") from error
    try:
        yield
    finally:
        os.close(descriptor)
