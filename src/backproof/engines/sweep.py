"""The forward pass and the reverse sweep over a static list of nodes: written once, for every hand-written engine.

Forward visits the nodes in order and keeps what each saves. Backward visits them in reverse: the gradient of a
node's output is complete when the sweep arrives there, because all who took that output come later in the list.
A value taken by several nodes gets the sum of their gradients.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.engines.base import Mode, Watch
from backproof.engines.kernel import AnyCall, Call, Kernel, Kernels, Saved
from backproof.graph import Array, Arrays, Graph, Node


class SweepStep:
    """One node, bound to its kernel, parameters, gradients and to the places of its values."""

    __slots__ = (
        "backward",
        "call",
        "forward",
        "gradients",
        "inputs",
        "name",
        "op",
        "output",
        "parameters",
        "paths",
        "saved",
    )

    def __init__(
        self,
        node: Node,
        kernel: Kernel[Any, Any],
        place: Mapping[str, int],
        parameters: Arrays,
        gradients: Arrays,
        call: Call,
    ) -> None:
        self.name = node.name
        self.op = node.op
        self.forward = kernel.forward
        self.backward = kernel.backward
        self.inputs = tuple(place[name] for name in node.inputs)
        self.output = place[node.name]
        self.paths = {local: node.path(local) for local in node.parameters}
        self.parameters = {local: parameters[path] for local, path in self.paths.items()}
        self.gradients = {local: gradients[path] for local, path in self.paths.items() if path in gradients}
        self.call = call
        self.saved: Saved = ()


class GradientMemory:
    """Where gradients live in a reverse sweep: here each in new memory, which an engine may do better.

    A gradient is held once for everybody who still needs it, and dropped by each.
    """

    def __init__(self, dtype: npt.DTypeLike = np.float64) -> None:
        self.dtype = np.dtype(dtype)

    def reset(self) -> None:
        """A new sweep begins: no gradient of the last one is needed any more."""

    def settle(self) -> None:
        """The sweep is complete."""

    def take(self, shape: tuple[int, ...]) -> Array:
        """Memory for a gradient; undefined contents."""
        return np.empty(shape, self.dtype)

    def hold(self, gradient: Array) -> None:
        """One more needs it."""

    def drop(self, gradient: Array) -> None:
        """One less needs it."""


class Sweep:
    """A network's forward pass and reverse sweep, ready to run.

    `parameters` and `gradients` are the engine's own arrays by full name: kernels read the former and write the
    latter. `make_call(node, wants)` makes what a kernel gets besides its arrays. Gradients flow only where they are
    wanted: to trainable parameters, and to the float inputs if `input_gradients`; `memory` says where they live.
    `fit(kernel, call)` may put something around a node's kernel. What way the passes take is noted in `ways`.
    """

    def __init__(
        self,
        graph: Graph,
        kernels: Kernels,
        parameters: Arrays,
        gradients: Arrays,
        make_call: Callable[[Node, tuple[bool, ...]], AnyCall],
        *,
        with_loss: bool = True,
        input_gradients: bool = False,
        memory: GradientMemory | None = None,
        fit: Callable[[Kernel[Any, Any], Any], Kernel[Any, Any]] = lambda kernel, call: kernel,  # noqa: ARG005
        ways: set[str] | None = None,
    ) -> None:
        self.ways: set[str] = set() if ways is None else ways
        nodes = [node for node in graph.nodes if with_loss or node.name not in graph.loss_nodes]
        self._memory = memory or GradientMemory()
        gradients = {**gradients, **self._unread(nodes, parameters)}
        self._place = {name: i for i, name in enumerate([*(i.name for i in graph.inputs), *(n.name for n in nodes)])}
        self._input_names = [i.name for i in graph.inputs]
        wanted = {i.name: input_gradients and i.kind == "float" for i in graph.inputs}
        self._steps: list[SweepStep] = []
        for node in nodes:
            wants = tuple(wanted[name] for name in node.inputs)
            wanted[node.name] = node.kind == "float" and (
                any(wants) or any(spec.trainable for spec in node.parameters.values())
            )
            call = make_call(node, wants)
            kernel = fit(kernels[type(node.op)], call)
            self._steps.append(SweepStep(node, kernel, self._place, parameters, gradients, call))
        self._loss = self._place[graph.loss] if graph.loss is not None and with_loss else None
        self._one = np.ones((), self._memory.dtype)
        # Those with running statistics: most networks have few, and `state` is asked for at every step.
        self._stateful = [step for node, step in zip(nodes, self._steps, strict=True) if node.statistics]
        self._values: list[Array] = [np.empty(0)] * len(self._place)

    def _unread(self, nodes: Sequence[Node], parameters: Arrays) -> dict[str, Array]:
        """Where kernels put the gradients of frozen parameters, which nobody reads: one memory for all nodes."""
        frozen = {node.name: [node.path(local) for local in sorted(node.frozen)] for node in nodes}
        room = np.empty(
            max((sum(parameters[path].size for path in paths) for paths in frozen.values()), default=0),
            self._memory.dtype,
        )
        found: dict[str, Array] = {}
        for paths in frozen.values():
            start = 0
            for path in paths:
                like = parameters[path]
                found[path] = room[start : start + like.size].reshape(like.shape)
                start += like.size
        return found

    def forward(self, inputs: Arrays, mode: Mode, watch: Watch | None = None) -> None:
        """Compute every value; read them with `value`."""
        for i, name in enumerate(self._input_names):
            if name in inputs:
                self._values[i] = inputs[name]
        self._run(self._steps, mode, watch)

    def _run(self, steps: Sequence[SweepStep], mode: Mode, watch: Watch | None) -> None:
        """Compute the values of some steps, in order."""
        values = self._values
        for step in steps:
            call = step.call
            call.mode = mode
            y, step.saved = step.forward(step.op, tuple([values[i] for i in step.inputs]), step.parameters, call)
            values[step.output] = y
            if watch is not None:
                watch(step.name, "forward", y)

    def value(self, name: str) -> Array:
        """A value of the last forward pass."""
        return self._values[self._place[name]]

    @property
    def loss(self) -> float:
        """The loss of the last forward pass."""
        assert self._loss is not None, "this sweep leaves the loss out"
        return float(self._values[self._loss])

    def backward(self, watch: Watch | None = None) -> dict[str, Array]:
        """Sweep back from the loss, fill the parameters' gradients, and return those of the inputs."""
        assert self._loss is not None, "a reverse sweep starts at a loss"
        gradients: list[Array | None] = [None] * len(self._values)
        self._memory.reset()
        gradients[self._loss] = self._one
        self._run_back(self._steps, gradients, watch)
        self._memory.settle()
        found = ((name, gradients[i]) for i, name in enumerate(self._input_names))
        return {name: gradient for name, gradient in found if gradient is not None}

    def _run_back(self, steps: Sequence[SweepStep], gradients: list[Array | None], watch: Watch | None) -> None:
        """Carry the gradients of values back through some steps, last to first."""
        hold, drop = self._memory.hold, self._memory.drop
        for step in reversed(steps):
            dy = gradients[step.output]
            if dy is None:
                self.ways.add("a node that no gradient reaches")
                continue
            if watch is not None:
                watch(step.name, "backward", dy)
            dxs = step.backward(step.op, dy, step.saved, step.parameters, step.gradients, step.call)
            for i, dx in zip(step.inputs, dxs, strict=True):
                if dx is not None:
                    hold(dx)
                    before = gradients[i]
                    gradients[i] = dx if before is None else self._sum(before, dx)
            drop(dy)
            gradients[step.output] = None  # nobody needs it any more

    def _sum(self, a: Array, b: Array) -> Array:
        """a + b in an array of its own: `a` may be in use by another branch too (Add gives both inputs the same)."""
        self.ways.add("gradients of several takers summed")
        total = np.add(a, b, out=self._memory.take(a.shape))
        self._memory.hold(total)
        self._memory.drop(a)
        self._memory.drop(b)
        return total

    def state(self) -> dict[str, Array]:
        """What the last forward pass made of the non-trainable parameters, by full name."""
        return {step.paths[key]: value for step in self._stateful for key, value in step.call.state.items()}
