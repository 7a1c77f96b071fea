"""One kernel of an engine written by hand, on its own: no trainer around it."""

from collections.abc import Callable
from importlib import import_module

import numpy as np
from threadpoolctl import threadpool_limits

from backproof.bench.cases import Drawn
from backproof.bench.job import OpJob
from backproof.engines import Mode
from backproof.engines.kernel import Call, Kernels, require_kernels
from backproof.graph import Array


class EngineOperation:
    """A kernel of `numpy`, `numba` or `reference`, with parameters and buffers as its engine has them."""

    def __init__(self, drawn: Drawn, job: OpJob) -> None:
        threadpool_limits(job.threads, user_api="blas")
        (self._node,) = drawn.graph.nodes
        wants = (True,) * len(drawn.inputs)
        make = self._in_reference if job.contender == "reference" else self._in_numpy
        kernels = make(drawn, job, wants)
        require_kernels(job.contender, kernels, drawn.graph)
        self.divides = drawn.trainable and job.contender != "reference"  # the loops do not look at what is wanted
        self._kernel = kernels[type(self._node.op)]
        self._call.mode = Mode(training=True)
        self._all, self._none = wants, (False,) * len(wants)
        self._outputs: tuple[Array, ...] = ()

    def _in_numpy(self, drawn: Drawn, job: OpJob, wants: tuple[bool, ...]) -> Kernels:
        from backproof.engines.numpy.layout import to_nchw, to_nhwc, turned_values
        from backproof.engines.numpy.parameters import Parameters
        from backproof.engines.numpy.tuning import USUAL
        from backproof.engines.numpy.workspace import Arena, Pool, Workspace

        dtype = np.dtype(job.dtype)
        kernels: Kernels = import_module(f"backproof.engines.{job.contender}.kernels").KERNELS
        weights = Parameters(drawn.graph, dtype, kernels, USUAL)
        weights.load(drawn.parameters)
        memory = Arena(dtype)
        found = turned_values(drawn.graph, kernels)
        turned, output_turned = tuple(i.name in found for i in drawn.graph.inputs), self._node.name in found
        self._call: Call = Workspace("op", wants, Pool(dtype), memory, turned=turned, output_turned=output_turned)
        self._begin: Callable[[], None] = memory.reset
        self._p = {local: weights.views[self._node.path(local)] for local in self._node.parameters}
        self._g = {
            local: weights.gradient_views[self._node.path(local)]
            for local, spec in self._node.parameters.items()
            if spec.trainable
        }

        def enter(x: Array, is_turned: bool) -> Array:
            return to_nhwc(x, dtype) if is_turned else np.ascontiguousarray(x, dtype)

        self._inputs = tuple(map(enter, drawn.inputs, turned))
        self._dy = enter(drawn.dy, output_turned)
        self._canonical: Callable[[Array, bool], Array] = lambda x, is_turned: to_nchw(x) if is_turned else np.array(x)
        self._layouts = turned, output_turned
        self._gradients: Callable[[], dict[str, Array]] = weights.canonical_gradients
        return kernels

    def _in_reference(self, drawn: Drawn, job: OpJob, wants: tuple[bool, ...]) -> Kernels:  # noqa: ARG002
        from backproof.engines.reference.kernels import KERNELS

        self._call = Call("op", wants)
        self._begin = lambda: None
        self._p = {local: np.array(drawn.parameters[self._node.path(local)]) for local in self._node.parameters}
        self._g = {local: np.zeros(s.shape) for local, s in self._node.parameters.items() if s.trainable}
        self._inputs, self._dy = drawn.inputs, drawn.dy
        self._canonical, self._layouts = lambda x, _: np.copy(x), ((False,) * len(wants), False)
        self._gradients = lambda: {self._node.path(local): g for local, g in self._g.items()}
        return KERNELS

    def forward(self) -> None:
        self._y, self._saved = self._kernel.forward(self._node.op, self._inputs, self._p, self._call)

    def backward(self) -> None:
        self._call.wants = self._all
        self._back()

    def weights(self) -> None:
        self._call.wants = self._none
        self._back()

    def _back(self) -> None:
        self._begin()
        self._dxs = self._kernel.backward(self._node.op, self._dy, self._saved, self._p, self._g, self._call)

    def results(self) -> dict[str, Array]:
        self.forward()
        turned, output_turned = self._layouts
        found = {"output": self._canonical(self._y, output_turned)}
        self.backward()
        found |= {f"gradient of {name}": g for name, g in self._gradients().items()}
        given = [(i, dx) for i, dx in enumerate(self._dxs) if dx is not None]
        return found | {f"gradient of x{i}": self._canonical(dx, turned[i]) for i, dx in given}

    def gemm(self, a: Array, b: Array) -> Callable[[], object]:
        out = np.empty((len(a), b.shape[1]), a.dtype)
        return lambda: np.dot(a, b, out=out)
