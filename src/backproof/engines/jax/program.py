"""A network as pure functions of arrays, which XLA compiles: prediction, gradients, training steps, a watched pass.

Everything that a function depends on is an argument: the trainer owns all state. Shapes, dtype, and whether the pass is
in training are compiled in; seed, step and learning rate are not.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
from jax import Array, lax
from jax import numpy as jnp

from backproof.engines.inputs import samples_of
from backproof.engines.jax.kernels import KERNELS
from backproof.engines.jax.kernels.table import Arrays, Call
from backproof.engines.jax.optimizers import Numbers, require
from backproof.graph import Graph
from backproof.optim import Optimizer

Found = dict[str, Array]

QUICKLY = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,  # in one piece, since what is so small is not worth several threads
}
"""How XLA compiles what is run a few times only: in a sixth of the time."""

SMALL = 2
"""Nodes of a network that is compiled quickly in all its functions: one operation and its loss, as checks make them."""


class Trained(NamedTuple):
    """What training moves, each array by its name. The compiled steps take its memory and give it back changed.

    Attributes:
        weights: the trainable parameters.
        state: the others, such as running statistics.
        slots: the optimizer's state, as `slot/parameter`.
    """

    weights: Found
    state: Found
    slots: Found


class Program:
    """The functions of one network. Each is compiled when it is first called with arrays of new shapes or dtypes.

    Those that training and prediction repeat are optimised, unless all is wanted `quickly`: optimising takes longer
    than tracing and all else together.
    """

    def __init__(self, graph: Graph, *, quickly: bool = False) -> None:
        self._graph = graph
        options = QUICKLY if quickly or len(graph.nodes) <= SMALL else None
        self.predict = jax.jit(self._predict, static_argnames=("training", "want"), compiler_options=options)
        self.gradients = jax.jit(self._gradients, static_argnames=("training",), compiler_options=QUICKLY)
        self.observe = jax.jit(self._observe, static_argnames=("training",), compiler_options=QUICKLY)
        taking = partial(
            jax.jit,
            static_argnames=("optimizer", "training"),
            donate_argnames=("trained",),
            compiler_options=options,
        )
        self.step = taking(self._step)
        self.apply = jax.jit(
            self._apply, static_argnames=("optimizer",), donate_argnames=("trained",), compiler_options=options
        )
        self.steps = taking(self._steps)

    @property
    def _loss(self) -> str:
        assert self._graph.loss is not None, "the trainer has checked that there is one"
        return self._graph.loss

    def _run(
        self,
        parameters: Arrays,
        inputs: Arrays,
        masks: Arrays,
        training: bool,
        probes: Arrays | None = None,
        with_loss: bool = True,
    ) -> tuple[Found, Found]:
        """Every value by its node's name, and new values of non-trainable parameters by their full name."""
        values: Found = dict(inputs)
        state: Found = {}
        samples = samples_of(self._graph, inputs)
        for node in self._graph.nodes:
            if node.name in self._graph.loss_nodes and not with_loss:
                continue
            p = {local: parameters[node.path(local)] for local in node.parameters}
            call = Call(node.name, training, masks.get(node.name), {}, samples)
            y = KERNELS[type(node.op)](node.op, tuple(values[name] for name in node.inputs), p, call)
            values[node.name] = y + probes[node.name] if probes is not None and node.name in probes else y
            state |= {node.path(local): value for local, value in call.state.items()}
        return values, state

    def _predict(
        self, parameters: Arrays, inputs: Arrays, masks: Arrays, *, training: bool, want: tuple[str, ...]
    ) -> Found:
        """The values wanted; XLA leaves out what they do not need."""
        values, _ = self._run(
            parameters, inputs, masks, training, with_loss=not self._graph.loss_nodes.isdisjoint(want)
        )
        return {name: values[name] for name in want}

    def _gradients(
        self, weights: Arrays, floats: Arrays, state: Arrays, others: Arrays, masks: Arrays, *, training: bool
    ) -> tuple[Array, Array, Found, Found, Found]:
        """Loss, prediction, new state, and the loss's gradients to weights and to the `floats` among the inputs."""

        def loss(weights: Arrays, floats: Arrays) -> tuple[Array, tuple[Array, Found]]:
            values, moved = self._run({**weights, **state}, {**floats, **others}, masks, training)
            return values[self._loss], (values[self._graph.output], moved)

        differentiated = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        (value, (output, moved)), (of_weights, of_floats) = differentiated(weights, floats)
        return value, output, moved, of_weights, of_floats

    def _observe(self, parameters: Arrays, inputs: Arrays, masks: Arrays, *, training: bool) -> tuple[Found, Found]:
        """Every node's output, and the loss's gradient to it: that to a probe, a 0 that is added to the output."""
        n = samples_of(self._graph, inputs)
        dtype = jnp.result_type(float)  # float64 where it is allowed, as in float64 alone
        probes = {node.name: jnp.zeros(node.shape.bind(n), dtype) for node in self._graph.nodes if node.kind == "float"}

        def loss(probes: Arrays) -> tuple[Array, Found]:
            values, _ = self._run(parameters, inputs, masks, training, probes)
            return values[self._loss], {node.name: values[node.name] for node in self._graph.nodes}

        gradients, values = jax.grad(loss, has_aux=True)(probes)
        return values, gradients

    def _step(
        self,
        trained: Trained,
        inputs: Arrays,
        masks: Arrays,
        numbers: Numbers,
        *,
        optimizer: Optimizer,
        training: bool,
    ) -> tuple[Trained, Array, Array, Array]:
        """One training step: what it makes of the state, loss and penalty before the update, and the prediction."""
        weights, state, _ = trained

        def loss(weights: Arrays) -> tuple[Array, tuple[Array, Found]]:
            values, moved = self._run({**weights, **state}, inputs, masks, training)
            return values[self._loss], (values[self._graph.output], moved)

        (value, (output, moved)), gradients = jax.value_and_grad(loss, has_aux=True)(weights)
        decayed = [name for name in weights if optimizer.decays(self._graph.parameters[name])]
        penalty = optimizer.l2 / 2 * sum((jnp.vdot(weights[name], weights[name]) for name in decayed), jnp.zeros(()))
        if optimizer.l2:
            gradients |= {name: gradients[name] + optimizer.l2 * weights[name] for name in decayed}
        return self._apply(trained, gradients, moved, numbers, optimizer=optimizer), value, penalty, output

    def _apply(
        self, trained: Trained, gradients: Arrays, moved: Arrays, numbers: Numbers, *, optimizer: Optimizer
    ) -> Trained:
        """What the optimizer makes of weights and slots along `gradients`; running statistics become `moved`."""
        weights, state, slots = trained
        update = require(optimizer)
        new_weights: Found = {}
        new_slots: Found = {}
        for name, w in weights.items():
            if optimizer.decay == "decoupled" and optimizer.decays(self._graph.parameters[name]):
                w = w * numbers["kept"]
            change, own = update(
                optimizer, w, gradients[name], {s: slots[f"{s}/{name}"] for s in optimizer.slots}, numbers
            )
            new_weights[name] = w - change
            new_slots |= {f"{slot}/{name}": value for slot, value in own.items()}
        return Trained(new_weights, {**state, **moved}, new_slots)

    def _steps(
        self,
        trained: Trained,
        samples: Arrays,
        rows: Array,
        masks: Arrays,
        numbers: Numbers,
        *,
        optimizer: Optimizer,
        training: bool,
    ) -> tuple[Trained, Array]:
        """A training step on each row of `rows`, which says which samples it takes; also the losses.

        `masks` and `numbers` have those of all steps, one after the other.
        """

        def step(trained: Trained, given: tuple[Array, Arrays, Numbers]) -> tuple[Trained, Array]:
            rows, masks, numbers = given
            batch = {name: x[rows] for name, x in samples.items()}
            trained, loss, _, _ = self._step(trained, batch, masks, numbers, optimizer=optimizer, training=training)
            return trained, loss

        return lax.scan(step, trained, (rows, masks, numbers))


class _Same:
    """A network as a key: two are the same if they say the same and the same kernels compute them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._key: tuple[str, tuple[Callable[..., Any], ...]] = (
            graph.hash,
            tuple(KERNELS[type(node.op)] for node in graph.nodes),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def program(graph: Graph, *, quickly: bool = False) -> Program:
    """The program of `graph`. Trainers on the same network share one, and so what has been compiled."""
    return _program(_Same(graph), quickly)


@lru_cache(maxsize=256)
def _program(same: _Same, quickly: bool) -> Program:
    return Program(same.graph, quickly=quickly)
