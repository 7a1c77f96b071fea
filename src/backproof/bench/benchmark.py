"""A benchmark: every contender in a fresh process with its threads pinned, rounds interleaved, warm-up apart."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import sleep

from backproof.bench.agreement import require_first_losses
from backproof.bench.job import Job
from backproof.bench.process import Process
from backproof.errors import OptionError

PAUSE = 0.3
"""Seconds between rounds: a library's idle threads may spin for 0.2 s and would slow the next contender."""

Watch = Callable[[str, int, float], None]
"""Called after each round: who ran, its number (0 is the warm-up) and its seconds."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What one contender ran.

    Attributes:
        job: what it did.
        seconds: the times of each part, all rounds but the warm-up.
        warm_up: the first time of each part.
        peak_memory_mb: the most memory that its process ever held.
    """

    job: Job
    seconds: dict[str, list[float]]
    warm_up: dict[str, float]
    peak_memory_mb: float


def benchmark(jobs: Sequence[Job], rounds: int, watch: Watch | None = None) -> list[Timing]:
    """Time each job `rounds` times, in turn: A B C A B C ... They have passed `require_agreement` before.

    Raises `UserError` if a contender cannot do its job, or if the losses of the first steps differ.
    """
    if rounds < 1:
        raise OptionError("{rounds} is {}; it must be 1 or more", rounds)
    with ExitStack() as open_processes:
        processes = [open_processes.enter_context(Process(job)) for job in jobs]
        for process in processes:
            process.ready()
        require_first_losses(processes)
        timings: list[list[dict[str, list[float]]]] = [[] for _ in jobs]
        for number in range(rounds + 1):
            for process, own in zip(processes, timings, strict=True):
                sleep(PAUSE)
                own.append(process.round(number))
                if watch is not None:
                    watch(process.job.label, number, sum(map(sum, own[-1].values())))
        return [
            Timing(
                job=process.job,
                seconds={part: [s for times in counted for s in times[part]] for part in first},
                warm_up={part: times[0] for part, times in first.items()},
                peak_memory_mb=process.peak_memory_mb,
            )
            for process, (first, *counted) in zip(processes, timings, strict=True)
        ]


def load_average() -> tuple[float, ...]:
    """The machine's load over the last minute; () where the system does not say."""
    return (round(os.getloadavg()[0], 2),) if hasattr(os, "getloadavg") else ()
