"""A network with its weights, computed by JAX."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

import jax
import numpy as np
import numpy.typing as npt

from backproof.engines.base import EVALUATION, DType, Gradients, Mode, StepResult, Watch
from backproof.engines.inputs import (
    asked_for,
    batch_size,
    check_gradients,
    check_optimizer_state,
    check_parameters,
    in_dtype,
)
from backproof.engines.jax.optimizers import compiled_in, numbers, require
from backproof.engines.jax.program import Trained, program
from backproof.errors import DataError
from backproof.graph import Array, Arrays, Graph
from backproof.ops import Take
from backproof.ops.dropout import Dropping
from backproof.ops.label_loss import LabelLoss
from backproof.ops.rearrange import require_places
from backproof.optim import Optimizer


class JaxTrainer:
    """See `backproof.engines.base.Trainer`. Float inputs of another dtype are converted.

    The first call with a batch of a new size compiles, which takes seconds for a deep network.
    """

    def __init__(
        self, graph: Graph, parameters: Arrays, dtype: DType, device: jax.Device, *, quickly: bool = False
    ) -> None:
        self.graph = graph
        self.dtype = dtype
        self._device = device
        self._program = program(graph, quickly=quickly)
        self._optimizer: Optimizer | None = None
        self._trained = Trained({}, {}, {})
        self._trainable = [name for name, spec in graph.parameters.items() if spec.trainable]
        self._floats = [i.name for i in graph.inputs if i.kind == "float"]
        self.load(parameters)

    def forward(self, inputs: Arrays, mode: Mode = EVALUATION, want: Collection[str] = ()) -> dict[str, Array]:
        with_loss, names = asked_for(self.graph, inputs, want)
        entered, masks = self._enter(inputs, mode, with_loss)
        with self._surroundings():
            found = _own(
                self._program.predict(
                    self._parameters, entered, masks, training=mode.training, want=tuple(sorted(names))
                )
            )
        return {name: x.astype(np.int64) if x.dtype == np.int32 else x for name, x in found.items()}

    def gradients(self, inputs: Arrays, mode: Mode, optimizer: Optimizer | None = None) -> Gradients:
        entered, masks = self._enter(inputs, mode, True)
        floats = {name: entered.pop(name) for name in self._floats}
        weights, state, _ = self._trained
        with self._surroundings():
            loss, output, moved, of_weights, of_inputs = self._program.gradients(
                weights, floats, state, entered, masks, training=mode.training
            )
            found, kept = _own(of_weights, self._trainable), _own(weights)
        penalty = 0.0
        for name, w in kept.items():
            if optimizer is not None and optimizer.l2 and optimizer.decays(self.graph.parameters[name]):
                penalty += optimizer.l2 / 2 * float(np.vdot(w, w))
                found[name] += w.dtype.type(optimizer.l2) * w
        return Gradients(float(loss), penalty, np.array(output), found, _own(of_inputs, self._floats), _own(moved))

    def apply(self, gradients: Gradients, optimizer: Optimizer, mode: Mode) -> None:
        check_gradients(self.graph, gradients)
        self._prepare(optimizer)
        found, moved = self._placed(gradients.parameters), self._placed(gradients.state)
        with self._surroundings():
            self._trained = self._program.apply(
                self._trained, found, moved, self._numbers(optimizer, mode.step), optimizer=compiled_in(optimizer)
            )

    def train_step(self, inputs: Arrays, optimizer: Optimizer, mode: Mode, watch: Watch | None = None) -> StepResult:
        """Forward, backward, update, in one compiled function.

        A watched step is preceded by a pass of its own that hands out every value, and so takes about twice the time;
        the step itself stays the same to the bit.
        """
        self._prepare(optimizer)
        entered, masks = self._enter(inputs, mode, True)
        if watch is not None:
            self._show(entered, masks, mode, watch)
        with self._surroundings():
            self._trained, loss, penalty, output = self._program.step(
                self._trained,
                entered,
                masks,
                self._numbers(optimizer, mode.step),
                optimizer=compiled_in(optimizer),
                training=mode.training,
            )
            return StepResult(float(loss), float(penalty), np.asarray(output))

    def place(self, inputs: Arrays) -> dict[str, jax.Array]:
        """Samples and targets on the device, in the trainer's dtype: for `train_steps`, any number of times."""
        entered, _ = self._enter(inputs, EVALUATION, True)
        with self._surroundings():
            return {name: jax.device_put(x, self._device, may_alias=False) for name, x in entered.items()}

    def train_steps(
        self, placed: Mapping[str, jax.Array], rows: Array, optimizer: Optimizer, mode: Mode
    ) -> npt.NDArray[np.floating]:
        """Many training steps in one compiled loop (`lax.scan`), with no way to look in between.

        placed: what `place` gave. rows: (steps, N), which samples each step takes. mode: that of the first step.
        Returns the losses, (steps,). Masks of dropout are drawn before, for all steps.
        """
        self._prepare(optimizer)
        size = len(placed[self.graph.inputs[0].name])
        if rows.ndim != 2 or 0 in rows.shape or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= size:
            raise DataError(f"rows is of shape (steps, N), whole numbers from 0 to {size - 1}")
        steps = range(mode.step, mode.step + len(rows))
        masks = [self._masks(Mode(mode.training, mode.seed, step), rows.shape[1]) for step in steps]
        with self._surroundings():
            self._trained, losses = self._program.steps(
                self._trained,
                placed,
                rows.astype(np.int32),
                _stacked(masks),
                _stacked([self._numbers(optimizer, step) for step in steps]),
                optimizer=compiled_in(optimizer),
                training=mode.training,
            )
            return np.array(losses)

    def parameters(self) -> dict[str, Array]:
        return _own(self._parameters, self.graph.parameters)

    def load(self, parameters: Arrays) -> None:
        check_parameters(self.graph, parameters)
        placed = self._placed({name: parameters[name] for name in self.graph.parameters})
        weights = {name: placed.pop(name) for name in self._trainable}
        self._trained = self._trained._replace(weights=weights, state=placed)

    def optimizer_state(self) -> dict[str, Array]:
        slots = self._optimizer.slots if self._optimizer else ()
        return _own(self._trained.slots, [f"{slot}/{name}" for slot in slots for name in self._trainable])

    def load_optimizer_state(self, optimizer: Optimizer, state: Arrays) -> None:
        require(optimizer)
        if state:
            check_optimizer_state(self.graph, optimizer, state)
        else:
            state = {
                f"{slot}/{name}": np.full(self.graph.parameters[name].shape, optimizer.initial_slot(slot))
                for slot in optimizer.slots
                for name in self._trainable
            }
        self._optimizer = optimizer
        self._trained = self._trained._replace(slots=self._placed(state))

    @property
    def _parameters(self) -> dict[str, jax.Array]:
        return {**self._trained.weights, **self._trained.state}

    def _prepare(self, optimizer: Optimizer) -> None:
        """State for `optimizer`; it goes on as long as the kind of optimizer is the same."""
        if type(self._optimizer) is not type(optimizer):
            self.load_optimizer_state(optimizer, {})
        self._optimizer = optimizer

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        """JAX's settings while it computes: float64 or not, whatever others set; no TF32 products on CUDA."""
        with jax.enable_x64(self.dtype == "float64"), jax.default_matmul_precision("highest"):
            yield

    def _placed(self, arrays: Arrays) -> dict[str, jax.Array]:
        """Arrays of the trainer's dtype on the device, in memory of their own: training takes it."""
        with self._surroundings():
            return {
                name: jax.device_put(np.array(x, self.dtype, order="C"), self._device, may_alias=False)
                for name, x in arrays.items()
            }

    def _enter(self, inputs: Arrays, mode: Mode, with_loss: bool) -> tuple[dict[str, Array], dict[str, Array]]:
        """The inputs in the trainer's dtype, labels as whole numbers of as many bits, and the masks of dropout."""
        n = batch_size(self.graph, inputs, targets=with_loss)
        whole = self.dtype.replace("float", "int")
        entered = {
            name: x.astype(whole, copy=False) if x.dtype == np.int64 else x
            for name, x in in_dtype(self.graph, inputs, self.dtype).items()
        }
        self._require_places(entered)
        if with_loss:
            self._require_classes(entered)
        return entered, self._masks(mode, n)

    def _require_places(self, inputs: Arrays) -> None:
        """Raise `UserError` for an index that comes from outside and is none: a compiled program cannot."""
        for node in self.graph.nodes:
            if isinstance(node.op, Take) and node.inputs[1] in inputs:
                require_places(inputs[node.inputs[1]], self.graph.shapes[node.inputs[0]].fixed(node.op.dim), node.name)

    def _require_classes(self, inputs: Arrays) -> None:
        """Raise `UserError` for a label that is no class: a compiled program cannot, and takes another one instead."""
        for node in self.graph.nodes:
            if not isinstance(node.op, LabelLoss) or node.inputs[1] not in inputs:
                continue
            labels = inputs[node.inputs[1]]
            classes = int(self.graph.shapes[node.inputs[0]][1])
            wrong = (labels < 0) | (labels >= classes)
            if node.op.ignore_index is not None:
                wrong &= labels != node.op.ignore_index
            if wrong.any():
                found = f"{labels[wrong].min()} or {labels[wrong].max()}"
                raise DataError(f"node '{node.name}': labels lie in 0..{classes - 1}, but some are {found}")

    def _masks(self, mode: Mode, n: int) -> dict[str, Array]:
        """What dropout keeps of a batch of n samples, by node."""
        if not mode.training:
            return {}
        return {
            node.name: node.op.mask(node.shape.bind(n), mode.seed, mode.step, node.name)
            for node in self.graph.nodes
            if isinstance(node.op, Dropping)
        }

    def _numbers(self, optimizer: Optimizer, step: int) -> dict[str, Array]:
        return {name: np.array(value, self.dtype) for name, value in numbers(optimizer, step).items()}

    def _show(self, inputs: Arrays, masks: Arrays, mode: Mode, watch: Watch) -> None:
        """Show `watch` every node's output, and the gradients of those that carry one to a weight."""
        with self._surroundings():
            values, gradients = self._program.observe(self._parameters, inputs, masks, training=mode.training)
        for node in self.graph.nodes:
            watch(node.name, "forward", np.asarray(values[node.name]))
        carrying = self._carrying()
        for node in reversed(self.graph.nodes):
            if node.name in carrying:
                watch(node.name, "backward", np.asarray(gradients[node.name]))

    def _carrying(self) -> set[str]:
        """The nodes on a way from a weight to the loss."""
        trained: set[str] = set()
        for node in self.graph.nodes:
            if trained & set(node.inputs) or any(spec.trainable for spec in node.parameters.values()):
                trained.add(node.name)
        return trained & self.graph.reached


def _own(arrays: Mapping[str, jax.Array], order: Iterable[str] | None = None) -> dict[str, Array]:
    """Copies that belong to the caller, in the network's `order`: what JAX returns is sorted by name."""
    return {name: np.array(arrays[name]) for name in (arrays if order is None else order)}


def _stacked(steps: list[dict[str, Array]]) -> dict[str, Array]:
    """The arrays of all steps, one after the other."""
    return {name: np.stack([arrays[name] for arrays in steps]) for name in steps[0]}
