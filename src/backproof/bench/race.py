"""A race: every contender in a fresh process with its threads pinned, rounds interleaved, warm-up apart."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median, quantiles
from time import sleep
from typing import Any

from backproof.bench.job import Job
from backproof.errors import UserError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

AGREEMENT = 1e-4
"""Relative difference of float32 losses over the first steps that is still agreement: a wrong gradient shows at the
second step with far more, rounding with about 1e-6."""

PAUSE = 0.3
"""Seconds between epochs: a library's idle threads may spin for 0.2 s and would slow the next contender."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One contender's times of an epoch, in seconds, one a round, and its peak memory in 10⁶ bytes.

    `warm_up` is its first epoch, which is not counted.
    """

    job: Job
    seconds: tuple[float, ...]
    warm_up: float
    peak_memory_mb: float

    @property
    def median(self) -> float:
        """Of the rounds."""
        return median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The interquartile range of the rounds."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        low, _, high = quantiles(self.seconds, n=4, method="inclusive")
        return low, high


class Process:
    """A contender's process, from the parent's side."""

    def __init__(self, job: Job) -> None:
        self.job = job
        threads = dict.fromkeys(THREAD_VARIABLES, str(job.threads))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backproof.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | threads,
        )
        try:
            self.losses: list[float] | None = self._ask(job.to_json())["losses"]
        except BaseException:
            self.close()
            raise

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it died; the missing answer below says so
        answer = self._process.stdout.readline()
        if not answer:
            raise UserError(f"the contender '{self.job.contender}' ended early; what it printed stands above")
        content: dict[str, Any] = json.loads(answer)
        if "error" in content:
            raise UserError(content["error"])
        return content

    def epoch(self, number: int) -> tuple[float, float]:
        """Seconds of an epoch, and peak memory so far."""
        content = self._ask(f"epoch {number}")
        return content["seconds"], content["peak_memory_mb"]

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


Watch = Callable[[Job, int, float], None]


def race(jobs: Sequence[Job], rounds: int, watch: Watch | None = None) -> list[Measurement]:
    """Time an epoch of each job, `rounds` times, in turn: A B C A B C ...

    `watch(job, round, seconds)` is told of each epoch; round 0 is the warm-up.
    Raises `UserError` if a contender cannot do its job, or if contenders' losses differ over the first steps.
    """
    processes: list[Process] = []
    try:
        for job in jobs:
            processes.append(Process(job))  # noqa: PERF401  one by one, so that those started are closed in any case
        require_agreement(processes)
        seconds: list[list[float]] = [[] for _ in jobs]
        memory = [0.0 for _ in jobs]
        for number in range(rounds + 1):
            for i, process in enumerate(processes):
                sleep(PAUSE)
                taken, memory[i] = process.epoch(number + 1)
                seconds[i].append(taken)
                if watch is not None:
                    watch(process.job, number, taken)
    finally:
        for process in processes:
            process.close()
    return [
        Measurement(job=job, seconds=tuple(times[1:]), warm_up=times[0], peak_memory_mb=peak)
        for job, times, peak in zip(jobs, seconds, memory, strict=True)
    ]


def require_agreement(processes: Sequence[Process]) -> None:
    """Refuse to time contenders that compute different things."""
    for a, b in combinations([process for process in processes if process.losses], 2):
        assert a.losses is not None
        assert b.losses is not None
        worst = max(abs(x - y) / abs(y) for x, y in zip(a.losses, b.losses, strict=True))
        if not worst <= AGREEMENT:
            raise UserError(
                f"'{a.job.contender}' and '{b.job.contender}' disagree: their losses over the first steps are "
                f"{worst:.1e} apart ({a.losses} and {b.losses}); times would mean nothing"
            )
