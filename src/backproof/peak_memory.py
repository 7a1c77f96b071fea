"""The most memory that this process has held."""

import sys
from pathlib import Path


def peak_memory_mb() -> float | None:
    """Most resident memory that this process has held so far, in 10⁶ bytes; None where the system does not say.

    It is the whole process's, so what runs later in one process cannot have less than what ran before.
    Linux hands `ru_maxrss` down from the process that started this one, so there its own high-water mark is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
