"""A contender's process: `python -m backproof.bench.worker`. On standard input come users' files, a job, and requests.

The parent sets the thread variables before this process imports anything. Answers are lines of JSON.
"""

import json
import pickle
import sys
from collections.abc import Iterator
from typing import Any

from backproof.errors import UserError
from backproof.peak_memory import peak_memory_mb
from backproof.user_file import use_all


def main() -> int:
    """Answer every line of standard input, until it ends."""
    answer = sys.stdout
    sys.stdout = sys.stderr  # what libraries print must not be taken for an answer
    try:
        for content in answers():
            print(json.dumps(content), file=answer, flush=True)
    except UserError as error:
        print(json.dumps({"error": pickle.dumps(error).hex()}), file=answer, flush=True)
    return 0


def answers() -> Iterator[dict[str, Any]]:
    """Ready, with the loss of a first step; then times for `{"round": n}`, and a file for `{"evidence": path}`."""
    import numpy as np

    from backproof.bench.contenders import make
    from backproof.bench.job import job_from_json

    use_all(json.loads(sys.stdin.readline()))
    contender = make(job_from_json(sys.stdin.readline()))
    yield {"first_loss": contender.first_loss()}
    for line in sys.stdin:
        request = json.loads(line)
        if "evidence" in request:
            np.savez(request["evidence"], allow_pickle=False, **contender.evidence())
            yield {}
        else:
            yield {"seconds": contender.round(request["round"]), "peak_memory_mb": peak_memory_mb()}


if __name__ == "__main__":
    sys.exit(main())
