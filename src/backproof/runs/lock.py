"""One writer a run: two processes that trained the same run would spoil its files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from backproof.errors import RunError

TRIES, PAUSE = 5, 0.02
"""Who asks `is_held` takes the lock for a moment; a writer asks again so often, after so many seconds."""


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
        for left in reversed(range(TRIES)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if not left:
                    raise RunError(
                        f"run '{folder.name}' is being trained by another process; wait for it, or stop it"
                    ) from error
                sleep(PAUSE)
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether some process is writing the run; True where the system cannot say."""
    try:
        import fcntl
    except ImportError:
        return True
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
