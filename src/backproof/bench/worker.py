"""A contender's process: `python -m backproof.bench.worker`, a job on standard input, then one line a command.

The parent sets the thread variables before this process imports anything. Answers are lines of JSON.
"""

import json
import sys
from time import perf_counter

from backproof.bench.job import Job
from backproof.errors import UserError

AGREEMENT_STEPS = 3


def main() -> int:
    """Answer: ready (with the losses of the first steps), then an epoch's seconds for each `epoch N` line."""
    answer = sys.stdout
    sys.stdout = sys.stderr  # what libraries print must not be taken for an answer
    try:
        from backproof.bench.contenders import make
        from backproof.bench.workload import Workload

        contender = make(Workload(Job.from_json(sys.stdin.readline())))
        ready: dict[str, object] = {"losses": contender.losses(AGREEMENT_STEPS)}
    except UserError as error:
        ready = {"error": str(error)}
    print(json.dumps(ready), file=answer, flush=True)
    for line in sys.stdin:
        start = perf_counter()
        contender.epoch(int(line.removeprefix("epoch ")))
        seconds = perf_counter() - start
        print(json.dumps({"seconds": seconds, "peak_memory_mb": peak_memory_mb()}), file=answer, flush=True)
    return 0


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in 10⁶ bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
