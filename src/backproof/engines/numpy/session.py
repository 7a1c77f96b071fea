"""A network with its weights, computed by hand-written NumPy."""

from collections.abc import Collection

import numpy as np

from backproof.engines.base import EVALUATION, DType, Gradients, Mode, StepResult, Watch
from backproof.engines.inputs import batch_size, check_optimizer_state, reaches_loss
from backproof.engines.kernel import require_kernels, require_update
from backproof.engines.numpy import optimizers
from backproof.engines.numpy.buffers import Lender, Pool
from backproof.engines.numpy.door import inside, outside
from backproof.engines.numpy.fusion import FusedNode, fuse
from backproof.engines.numpy.kernels import KERNELS
from backproof.engines.numpy.parameters import Parameters
from backproof.engines.sweep import Sweep
from backproof.graph import Array, Arrays, Graph, Node
from backproof.optim import Optimizer


class NumpySession:
    """Forward, reverse sweep and update over flat parameters.

    For every batch size it meets, the session keeps a `Sweep` with buffers of its own, so that steps of equal
    batch size allocate nothing.
    """

    def __init__(self, graph: Graph, parameters: Arrays, dtype: DType, *, winograd: bool = True) -> None:
        require_kernels("numpy", KERNELS, graph)
        self.graph = graph
        self._fused = fuse(graph)
        self.dtype: DType = dtype
        self._parameters = Parameters(graph, dtype)
        self._parameters.load(parameters)
        self._pool = Pool(dtype, winograd=winograd)
        self._sweeps: dict[tuple[int, bool, bool, bool], Sweep] = {}
        self._optimizer: type[Optimizer] | None = None
        self._state: dict[str, Array] = {}
        # No sweep fills the gradients of a branch that the loss does not see; they stay 0 only if kept so.
        seen = graph.leading_to(graph.loss) if graph.loss else set()
        self._unseen = [
            self._parameters.gradient_views[node.path(local)]
            for node in graph.nodes
            for local, spec in node.parameters.items()
            if node.name not in seen and spec.trainable
        ]
        self._kinds = {i.name: np.dtype(dtype) if i.kind == "float" else np.dtype(np.int64) for i in graph.inputs}

    def forward(self, inputs: Arrays, mode: Mode = EVALUATION, want: Collection[str] = ()) -> dict[str, Array]:
        """See `Session.forward`."""
        with_loss = reaches_loss(self.graph, inputs, want)
        sweep = self._run_forward(
            inputs, mode, with_loss=with_loss, fused=all(name in self._fused.node for name in want)
        )
        names = [self.graph.output, *want, *([self.graph.loss] if with_loss and self.graph.loss else [])]
        return {name: outside(sweep.value(name)) for name in names}

    def gradients(self, inputs: Arrays, mode: Mode, optimizer: Optimizer | None = None) -> Gradients:
        """See `Session.gradients`."""
        sweep = self._run_forward(inputs, mode, input_gradients=True)
        input_gradients = sweep.backward()
        penalty = self._couple(optimizer)
        return Gradients(
            loss=sweep.loss,
            penalty=penalty,
            output=outside(sweep.value(self.graph.output)),
            parameters=self._parameters.canonical_gradients(),
            inputs={name: outside(gradient) for name, gradient in input_gradients.items()},
            state={name: value.copy() for name, value in sweep.state().items()},
        )

    def train_step(self, inputs: Arrays, optimizer: Optimizer, mode: Mode, watch: Watch | None = None) -> StepResult:
        """See `Session.train_step`."""
        if type(optimizer) is not self._optimizer:
            self.load_optimizer_state(optimizer, {})
        sweep = self._run_forward(inputs, mode, watch=watch, fused=watch is None)
        sweep.backward(watch)
        penalty = self._couple(optimizer)
        for name, value in sweep.state().items():
            self._parameters.views[name][...] = value
        optimizers.step(
            optimizer,
            self._parameters.flat,
            self._parameters.gradient,
            list(self._state.values()),
            self._parameters.decayed(optimizer),
            mode.step,
            self._pool.scratch("optimizer", (optimizers.BLOCK,)),
        )
        output = sweep.value(self.graph.output)
        if output.ndim > 2:
            output = outside(output)
        return StepResult(sweep.loss, penalty, output)

    def _run_forward(
        self,
        inputs: Arrays,
        mode: Mode,
        *,
        with_loss: bool = True,
        input_gradients: bool = False,
        fused: bool = True,
        watch: Watch | None = None,
    ) -> Sweep:
        """Compute all values in the sweep that belongs to this batch size."""
        n = batch_size(self.graph, inputs, targets=with_loss)
        key = (n, with_loss, input_gradients, fused)
        sweep = self._sweeps.get(key)
        if sweep is None:
            sweep = self._sweeps[key] = Sweep(
                self._fused if fused else self.graph,
                KERNELS,
                self._parameters.views,
                self._parameters.gradient_views,
                self._lender,
                with_loss=with_loss,
                input_gradients=input_gradients,
                memory=self._pool.arena,
            )
        given = {name: inside(array, self._kinds[name]) for name, array in inputs.items()}
        sweep.forward(given, mode, watch)
        return sweep

    def _lender(self, node: Node, wants: tuple[bool, ...]) -> Lender:
        return Lender(node.owner if isinstance(node, FusedNode) else node.name, wants, self._pool)

    def _couple(self, optimizer: Optimizer | None) -> float:
        """Add λ w to the gradient, where the optimizer's decay is coupled; return λ/2 ‖w‖²."""
        for gradient in self._unseen:
            gradient[...] = 0
        if optimizer is None or not optimizer.l2:
            return 0.0
        decayed = self._parameters.decayed(optimizer)
        w, g = self._parameters.flat[decayed], self._parameters.gradient[decayed]
        g += optimizer.l2 * w
        return 0.5 * optimizer.l2 * float(np.dot(w, w))

    def parameters(self) -> dict[str, Array]:
        """See `Session.parameters`."""
        return self._parameters.canonical()

    def load(self, parameters: Arrays) -> None:
        """See `Session.load`."""
        self._parameters.load(parameters)

    def optimizer_state(self) -> dict[str, Array]:
        """See `Session.optimizer_state`."""
        state: dict[str, Array] = {}
        for slot, flat in self._state.items():
            state |= self._parameters.canonical_slot(slot, flat)
        return state

    def load_optimizer_state(self, optimizer: Optimizer, state: Arrays) -> None:
        """See `Session.load_optimizer_state`."""
        require_update("numpy", optimizers.UPDATES, optimizer)
        slots = {slot: self._parameters.new_slot(optimizer.initial_slot(slot)) for slot in optimizer.slots}
        if state:
            check_optimizer_state(self.graph, optimizer, state)
            for slot, flat in slots.items():
                self._parameters.load_slot(slot, flat, state)
        self._optimizer, self._state = type(optimizer), slots
