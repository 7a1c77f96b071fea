"""A network with its weights, computed by hand-written NumPy."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from backproof.engines import custom
from backproof.engines.base import EVALUATION, DType, Gradients, Mode, StepResult, Watch
from backproof.engines.inputs import asked_for, batch_size, check_gradients, check_optimizer_state, dtypes_of
from backproof.engines.kernel import Kernels, require_kernels, require_update
from backproof.engines.numpy import optimizers
from backproof.engines.numpy.fusion import FusedNode, fuse
from backproof.engines.numpy.kernels import CUSTOM, KERNELS
from backproof.engines.numpy.kernels.kernel import UserKernel
from backproof.engines.numpy.layout import fit, to_nchw, to_nhwc, turned_values
from backproof.engines.numpy.memory import CheckpointedSweep, PredictingSweep
from backproof.engines.numpy.parameters import Parameters
from backproof.engines.numpy.tuning import USUAL, Tuning
from backproof.engines.numpy.workspace import Arena, Planned, Pool, Workspace, soiled
from backproof.engines.sweep import Sweep
from backproof.graph import Array, Arrays, Graph, Node, Op
from backproof.optim import Optimizer

Keep = Literal["all", "checkpoints", "nothing"]
"""Which values a sweep keeps: all for the reverse sweep, those at checkpoints, or none that is not taken again."""


class Plan(NamedTuple):
    """What a sweep is for. A trainer keeps one for each plan it meets; they share buffers, as one runs at a time."""

    samples: int
    with_loss: bool = True
    input_gradients: bool = False
    fused: bool = True
    keep: Keep = "all"


class NumpyTrainer:
    """Forward, reverse sweep and update over flat parameters.

    Steps of equal batch size use the same buffers, and allocate nothing. An engine that inherits this one brings a
    trainer with tables of its own.

    Attributes:
        engine: the engine's name, for messages.
        kernels: what computes each class of operation.
        updates: what computes each class of optimizer.
        fusing_keeps_bits: whether fused nodes give the very bits of their parts. If not, a watched pass is fused too,
            since watching must not change a run; the watcher then sees the chain's last node alone.
    """

    engine: ClassVar[str] = "numpy"
    kernels: Kernels = KERNELS
    updates: Mapping[type[Optimizer], optimizers.Update] = optimizers.UPDATES
    fusing_keeps_bits: ClassVar[bool] = True

    def __init__(
        self,
        graph: Graph,
        parameters: Arrays,
        dtype: DType,
        *,
        winograd: bool = True,
        low_memory: bool = False,
        replaced: Collection[type[Op] | type[Optimizer]] = (),
        tuning: Tuning = USUAL,
    ) -> None:
        if replaced:
            self._replace(replaced)
        require_kernels(self.engine, self.kernels, graph)
        self.graph = graph
        kinds = {type(node.op) for node in graph.nodes}
        self._fused = fuse(graph, apart={kind for kind in kinds if isinstance(self.kernels[kind], UserKernel)})
        self.dtype: DType = dtype
        self._ways: defaultdict[str, set[str]] = defaultdict(set)
        self._pool = Pool(dtype, winograd=winograd, tuning=tuning, ways=self._ways["network"])
        self._parameters = Parameters(graph, dtype, self.kernels, self._pool.tuning)
        self._parameters.load(parameters)
        self._gradients, self._values = Arena(dtype, tuning), Arena(dtype, tuning)
        self._keep: Keep = "checkpoints" if low_memory else "all"
        self._sweeps: dict[tuple[Plan, bool], Sweep] = {}
        self._optimizer: type[Optimizer] | None = None
        self._rule: tuple[optimizers.Update, set[str]] | None = None
        self._state: dict[str, Array] = {}
        self._blocks: list[optimizers.Block] = []
        # No sweep fills the gradients of a branch that the loss does not see; they stay 0 only if kept so.
        self._unseen = [
            self._parameters.gradient_views[node.path(local)]
            for node in graph.nodes
            for local, spec in node.parameters.items()
            if node.name not in graph.reached and spec.trainable
        ]
        self._dtypes = dtypes_of(graph, dtype)
        self._turned = {fused: turned_values(self._fused if fused else graph, self.kernels) for fused in (True, False)}

    def _replace(self, replaced: Collection[type[Op] | type[Optimizer]]) -> None:
        """Let users' kernels and updates compute these."""
        self.kernels = custom.chain({op: by for op, by in CUSTOM.items() if op in replaced}, self.kernels)
        updates = {kind: by for kind, by in optimizers.CUSTOM.items() if kind in replaced}
        self.updates = custom.chain(updates, self.updates)

    def forward(self, inputs: Arrays, mode: Mode = EVALUATION, want: Collection[str] = ()) -> dict[str, Array]:
        with_loss, names = asked_for(self.graph, inputs, want)
        plan = Plan(
            batch_size(self.graph, inputs, targets=with_loss),
            with_loss=with_loss,
            fused=all(name in self._fused.node for name in want),
            keep="nothing" if set(want) <= {self.graph.output} else "all",
        )
        sweep = self._run_forward(plan, inputs, mode)
        return {name: self._canonical(name, sweep.value(name)) for name in names}

    def gradients(self, inputs: Arrays, mode: Mode, optimizer: Optimizer | None = None) -> Gradients:
        plan = Plan(batch_size(self.graph, inputs, targets=True), input_gradients=True, keep=self._keep)
        sweep = self._run_forward(plan, inputs, mode)
        input_gradients = self._run_back(sweep)
        penalty = self._couple(optimizer)
        return Gradients(
            loss=sweep.loss,
            penalty=penalty,
            output=self._canonical(self.graph.output, sweep.value(self.graph.output)),
            parameters=self._parameters.canonical_gradients(),
            inputs={name: self._canonical(name, gradient) for name, gradient in input_gradients.items()},
            state={name: value.copy() for name, value in sweep.state().items()},
        )

    def apply(self, gradients: Gradients, optimizer: Optimizer, mode: Mode) -> None:
        check_gradients(self.graph, gradients)
        if type(optimizer) is not self._optimizer:
            self.load_optimizer_state(optimizer, {})
        self._parameters.load_gradients(gradients.parameters)
        self._update(gradients.state, optimizer, mode.step)

    def train_step(self, inputs: Arrays, optimizer: Optimizer, mode: Mode, watch: Watch | None = None) -> StepResult:
        if type(optimizer) is not self._optimizer:
            self.load_optimizer_state(optimizer, {})
        fused = watch is None or not self.fusing_keeps_bits
        plan = Plan(batch_size(self.graph, inputs, targets=True), fused=fused, keep=self._keep)
        sweep = self._run_forward(plan, inputs, mode, watch)
        self._run_back(sweep, watch)
        penalty = self._couple(optimizer)
        self._update(sweep.state(), optimizer, mode.step)
        output = sweep.value(self.graph.output)
        if self.graph.output in self._turned[fused]:
            output = to_nchw(output)
        return StepResult(sweep.loss, penalty, output)

    def _update(self, state: Arrays, optimizer: Optimizer, step: int) -> None:
        """One step of the optimizer along the flat gradient; `state` is kept as it is."""
        for name, value in state.items():
            self._parameters.views[name][...] = value
        decayed = self._parameters.decayed(optimizer)
        assert self._rule is not None, "the optimizer has no state"
        update, ways = self._rule
        sweep = self._pool.tuning.optimizer_sweep
        optimizers.step(optimizer, update, self._parameters.flat, decayed, self._blocks, step, sweep, ways)

    def _run_forward(self, plan: Plan, inputs: Arrays, mode: Mode, watch: Watch | None = None) -> Sweep:
        """The sweep that belongs to the plan, after its forward pass.

        Each mode has its own: a node may borrow other buffers in training, and which they are is settled only once.
        """
        sweep = self._sweeps.get((plan, mode.training))
        if sweep is None:
            sweep = self._sweeps[plan, mode.training] = self._make_sweep(plan)
        turned = self._turned[plan.fused]
        given = {
            name: to_nhwc(x, self._dtypes[name]) if name in turned else np.asarray(x, self._dtypes[name], order="C")
            for name, x in inputs.items()
        }
        sweep.forward(given, mode, watch)
        return sweep

    def _run_back(self, sweep: Sweep, watch: Watch | None = None) -> dict[str, Array]:
        """Fill the gradients; return those of the inputs."""
        if self._pool.tuning.dirty:
            for gradient in self._parameters.gradient_views.values():
                soiled(gradient, self._pool.tuning)
        return sweep.backward(watch)

    def _canonical(self, name: str, value: Array) -> Array:
        """A copy of a value for the caller."""
        return to_nchw(value) if name in self._turned[False] else np.array(value, order="C")

    def _make_sweep(self, plan: Plan) -> Sweep:
        gradients, turned = Planned(self._gradients), self._turned[plan.fused]
        ways = self._ways["network"]
        ways.add("fused" if plan.fused and self._fused != self.graph else "as written")
        # Where no gradients are, values may have their memory: prediction needs no more than training has.
        values = {"all": None, "checkpoints": Planned(self._values), "nothing": gradients}[plan.keep]

        def make_call(node: Node, wants: tuple[bool, ...]) -> Workspace:
            return Workspace(
                node.owner if isinstance(node, FusedNode) else node.name,
                wants,
                self._pool,
                gradients,
                values,
                turned=tuple(name in turned for name in node.inputs),
                output_turned=node.name in turned,
                predicting=not plan.with_loss,
                ways=self._ways[type(node.op).__name__],
                samples=plan.samples,
            )

        make: Callable[..., Sweep] = partial(
            {"all": Sweep, "checkpoints": CheckpointedSweep, "nothing": PredictingSweep}[plan.keep],
            self._fused if plan.fused else self.graph,
            self.kernels,
            self._parameters.views,
            self._parameters.gradient_views,
            make_call,
            with_loss=plan.with_loss,
            input_gradients=plan.input_gradients,
            memory=gradients,
            fit=fit,
            ways=ways,
        )
        return make() if values is None else make(values=values)

    def _couple(self, optimizer: Optimizer | None) -> float:
        """Add λ w to the gradient, where the optimizer's decay is coupled; return λ/2 ‖w‖²."""
        ways = self._ways["network"]
        for gradient in self._unseen:
            ways.add("weights that the loss does not see")
            gradient[...] = 0
        if optimizer is None or not optimizer.l2:
            return 0.0
        decayed = self._parameters.decayed(optimizer)
        ways = self._ways[type(optimizer).__name__]
        ways.add("coupled decay")
        w, g = self._parameters.flat[decayed], self._parameters.gradient[decayed]
        g += optimizer.l2 * w
        return 0.5 * optimizer.l2 * float(np.dot(w, w))

    def ways(self) -> dict[str, set[str]]:
        return {name: set(ways) for name, ways in self._ways.items()}

    def parameters(self) -> dict[str, Array]:
        return self._parameters.canonical()

    def load(self, parameters: Arrays) -> None:
        self._parameters.load(parameters)

    def optimizer_state(self) -> dict[str, Array]:
        state: dict[str, Array] = {}
        for slot, flat in self._state.items():
            state |= self._parameters.canonical_slot(slot, flat)
        return state

    def load_optimizer_state(self, optimizer: Optimizer, state: Arrays) -> None:
        rule = require_update(self.engine, self.updates, optimizer), self._ways[type(optimizer).__name__]
        slots = {slot: self._parameters.new_slot(optimizer.initial_slot(slot)) for slot in optimizer.slots}
        if state:
            check_optimizer_state(self.graph, optimizer, state)
            for slot, flat in slots.items():
                self._parameters.load_slot(slot, flat, state)
        self._optimizer, self._rule, self._state = type(optimizer), rule, slots
        self._blocks = optimizers.cut(
            self._parameters.flat,
            self._parameters.gradient,
            list(slots.values()),
            self._pool,
            rule[1],
        )
