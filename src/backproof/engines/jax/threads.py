"""The threads that XLA computes with on the CPU.

XLA makes its pool of threads when JAX computes for the first time in a process, as many as the environment variable
NPROC says or else as there are cores, and keeps it. So the number can be chosen once, before that.
"""

import os
from functools import cache

import jax

from backproof.errors import UserError

VARIABLE = "NPROC"


def start(threads: int) -> None:
    """Start JAX with so many threads. Raises `UserError` if it is running with another number."""
    if not _running():
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(threads)
        try:
            count()
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before
    if threads != count():
        raise UserError(
            f"the jax engine cannot compute with {threads} threads any more: JAX has started with {count()} in this "
            f"process; choose {count()}, or begin a new process"
        )


@cache
def count() -> int:
    """The threads of the pool, which is made now if it is not there. What the environment says then stays so."""
    jax.devices()
    return int(os.environ.get(VARIABLE) or _cores())


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _running() -> bool:
    """Whether JAX has started, by us or by others: it then refuses another number of devices."""
    devices = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    try:
        jax.config.update("jax_num_cpu_devices", devices + 2)  # type: ignore[no-untyped-call]
    except RuntimeError:
        return True
    jax.config.update("jax_num_cpu_devices", devices)  # type: ignore[no-untyped-call]
    return False
