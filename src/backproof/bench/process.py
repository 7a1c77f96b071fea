"""A contender's process, from the parent's side."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np

from backproof.bench.job import Job
from backproof.errors import UserError
from backproof.graph import Array
from backproof.user_file import all_used

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def pinned(threads: int) -> dict[str, str]:
    """This process's environment with the threads of every linear algebra set."""
    return os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))


class Process:
    """A fresh interpreter that does one job. Its threads are set before it imports anything.

    It begins to import and to build its network at once; `ready` waits for that, so that several do it together.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.peak_memory_mb = 0.0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backproof.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=pinned(job.threads),
        )
        self.first_loss: float | None = None
        self._send(json.dumps(all_used()))
        self._send(job.to_json())

    def ready(self) -> None:
        """Wait until it is. Raises `UserError` if the contender cannot do the job."""
        self.first_loss = self._receive()["first_loss"]

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it died; the missing answer says so

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise UserError(f"the contender '{self.job.contender}' ended early; what it printed stands above")
        content: dict[str, Any] = json.loads(answer)
        if "error" in content:
            raise pickle.loads(bytes.fromhex(content["error"]))
        return content

    def evidence(self) -> dict[str, Array]:
        """What it computes: outputs, gradients, losses, by name."""
        with TemporaryDirectory(prefix="backproof-bench-") as folder:
            path = Path(folder) / "evidence.npz"
            self._send(json.dumps({"evidence": str(path)}))
            self._receive()
            with np.load(path) as file:
                return dict(file)

    def round(self, number: int) -> dict[str, list[float]]:
        """Times by part, in seconds."""
        self._send(json.dumps({"round": number}))
        content = self._receive()
        self.peak_memory_mb = content["peak_memory_mb"]
        times: dict[str, list[float]] = content["seconds"]
        return times

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
