"""What is timed when a library computes single operations, whichever library it is."""

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

import numpy as np

from backproof.bench.cases import Drawn, draw
from backproof.bench.job import OpJob
from backproof.graph import Array

AT_LEAST = 0.02
"""Seconds that a time is taken over: a short call is repeated until then, and the time divided."""

GEMM = 1536
"""Rows and columns of the matrices whose product shows what the machine can do."""


class Operation(Protocol):
    """One operation on its inputs, in one library.

    `divides`: whether it can leave the gradients of the inputs out, if there are weights.
    """

    divides: bool

    def __init__(self, drawn: Drawn, job: OpJob) -> None: ...

    def forward(self) -> None:
        """Compute the output, and keep what backward needs."""
        ...

    def backward(self) -> None:
        """From the output's gradient, those of all inputs and weights. Comes after `forward`, any number of times."""
        ...

    def weights(self) -> None:
        """The same to the weights alone."""
        ...

    def results(self) -> dict[str, Array]:
        """Output and gradients, canonical, by name."""
        ...

    def gemm(self, a: Array, b: Array) -> Callable[[], object]:
        """What computes the matrix product."""
        ...


class Operations:
    """A contender that computes a list of operations, one after the other."""

    def __init__(self, job: OpJob, make: Callable[[Drawn, OpJob], Operation]) -> None:
        self._job, self._make = job, make

    def first_loss(self) -> None:
        """There is no loss."""
        return

    def evidence(self) -> dict[str, Array]:
        """Output and gradients of every case."""
        found: dict[str, Array] = {}
        for number, case in enumerate(self._job.cases):
            results = self._make(draw(case, self._job.seed), self._job).results()
            found |= {f"{name} of case {number} ({case.op})": array for name, array in results.items()}
        return found

    def round(self, number: int) -> dict[str, list[float]]:  # noqa: ARG002
        """Seconds a call of every case forward, backward, and backward to the weights alone."""
        times = {}
        for i, case in enumerate(self._job.cases):
            operation = self._make(draw(case, self._job.seed), self._job)
            if i == 0:
                a = np.random.default_rng(0).random((GEMM, GEMM), dtype=np.float32)
                times["gemm"] = [seconds_a_call(operation.gemm(a, a))]
            times[f"{i} forward"] = [seconds_a_call(operation.forward)]
            times[f"{i} backward"] = [seconds_a_call(operation.backward)]
            if operation.divides:
                times[f"{i} weights"] = [seconds_a_call(operation.weights)]
        return times


def seconds_a_call(call: Callable[[], object]) -> float:
    """After one call that does not count, as many as take `AT_LEAST` seconds."""
    call()
    calls, start = 0, perf_counter()
    while True:
        call()
        calls += 1
        passed = perf_counter() - start
        if passed >= AT_LEAST:
            return passed / calls
