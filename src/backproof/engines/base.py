"""What every engine offers: a network compiled into a predictor that runs forward, or a trainer that learns too.

NumPy arrays in canonical layout (images N,C,H,W; `Linear` (out, in)) are all that goes in and comes out.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from backproof.graph import Array, Arrays, Graph, Op
from backproof.optim import Optimizer

DType = Literal["float32", "float64"]
Direction = Literal["forward", "backward"]

Watch = Callable[[str, Direction, Array], None]
"""Called after each node: its name, "forward" with its output or "backward" with the gradient of its output.

The array may be read during the call, neither written to nor kept. It is in the engine's own layout.
"""


@dataclass(frozen=True, slots=True)
class Mode:
    """How a pass is to be taken.

    Attributes:
        training: batch statistics and dropout, or running statistics and none.
        seed: seed of the dropout masks.
        step: training step counted from 0: it picks the dropout masks, the learning rate and, plus 1, is the
            t of the optimizers' formulas.
    """

    training: bool = False
    seed: int = 0
    step: int = 0


EVALUATION = Mode()


@dataclass(frozen=True)
class Gradients:
    """One forward and backward pass. Every array belongs to the caller.

    Attributes:
        loss: the network's loss, mean over the batch.
        penalty: λ/2 ‖w‖² of coupled weight decay, 0 without; the cost is loss + penalty.
        output: the prediction.
        parameters: gradient of the cost, by parameter name, of the trainable ones.
        inputs: gradient of the loss with respect to each float input, by its name.
        state: what a training step would make of the non-trainable parameters (running statistics).
    """

    loss: float
    penalty: float
    output: Array
    parameters: Arrays
    inputs: Arrays
    state: Arrays

    @property
    def cost(self) -> float:
        """What the optimizer minimises."""
        return self.loss + self.penalty


@dataclass(frozen=True, slots=True)
class StepResult:
    """One training step: loss and penalty before the update, and the prediction, a buffer good until the next call."""

    loss: float
    penalty: float
    output: Array

    @property
    def cost(self) -> float:
        """What the optimizer minimises."""
        return self.loss + self.penalty


class Predictor(Protocol):
    """A network with its weights, on one engine, ready to compute."""

    graph: Graph
    dtype: DType

    def forward(self, inputs: Arrays, mode: Mode = EVALUATION, want: Collection[str] = ()) -> dict[str, Array]:
        """The prediction under the output's name, the loss (0-d) if the targets are given, and any node wanted.

        Changes nothing in the predictor. The arrays belong to the caller.
        """
        ...

    def parameters(self) -> dict[str, Array]:
        """Copies of all parameters, running statistics included, canonical, in the predictor's dtype."""
        ...

    def load(self, parameters: Arrays) -> None:
        """Set all parameters. Raises `UserError` for a missing, unknown or misshapen one."""
        ...


@runtime_checkable
class NotesWays(Protocol):
    """A predictor that notes which ways its kernels took, of several that lead to the same numbers."""

    def ways(self) -> dict[str, set[str]]:
        """All ways taken so far, in a few words each, by name of the operation or optimizer.

        What belongs to the passes over the network, not to one operation, stands under "network".
        """
        ...


def ways_of(predictor: Predictor) -> dict[str, set[str]]:
    """The ways that a predictor took so far; none of one that does not note them."""
    return predictor.ways() if isinstance(predictor, NotesWays) else {}


class Trainer(Predictor, Protocol):
    """A predictor that finds gradients and updates its weights."""

    def gradients(self, inputs: Arrays, mode: Mode, optimizer: Optimizer | None = None) -> Gradients:
        """Gradients of parameters and inputs. Changes nothing in the trainer.

        `optimizer` adds its coupled weight decay to the cost and to the gradients.
        """
        ...

    def apply(self, gradients: Gradients, optimizer: Optimizer, mode: Mode) -> None:
        """Update of weights, running statistics and optimizer state by gradients that `gradients` gave.

        They may be means over several workers first, running statistics too. They hold the optimizer's coupled weight
        decay if `gradients` was given the optimizer. Raises `UserError` for one that is missing, unknown or misshapen.
        """
        ...

    def train_step(self, inputs: Arrays, optimizer: Optimizer, mode: Mode, watch: Watch | None = None) -> StepResult:
        """Forward, backward, update: `gradients` and `apply` in one, without copies and faster.

        The weights are the same to the bit, but where a compiler takes the whole step together (JAX).
        """
        ...

    def optimizer_state(self) -> dict[str, Array]:
        """Copies of the optimizer's state arrays as `slot/parameter`; empty before the first step."""
        ...

    def load_optimizer_state(self, optimizer: Optimizer, state: Arrays) -> None:
        """Set the optimizer's state to what `optimizer_state` gave; an empty `state` starts afresh."""
        ...


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do.

    Attributes:
        trains: whether `compile` gives a `Trainer`; if not, a `Predictor`.
        dtypes: what it computes in.
        devices: the kinds of devices it computes on; `EngineInfo.devices` are those of this machine.
        node_times: whether a `Watch` is called as each node is computed, so that its calls can be timed.
        exact: whether results are off by rounding alone; if not, they are approximate, as with quantized weights.
        replaceable: whether NumPy kernels that users write take the place of its own (the setting `replaced`).
        variants: other settings of the engine, by name, under which results must be as right: they make it take ways
            that small arrays do not take otherwise. Checks take them too.
        speed: "loops" takes one number at a time, "compiles" takes long over each new network, "fast" does neither.
        for_checks: settings of the engine under which checks are done sooner, which run each network a few times.
        finite_only: names of operations in which NaN and infinity do not go where NumPy lets them go.
    """

    trains: bool = True
    dtypes: tuple[DType, ...] = ("float32", "float64")
    devices: tuple[str, ...] = ("cpu",)
    node_times: bool = True
    exact: bool = True
    replaceable: bool = False
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    speed: Literal["fast", "compiles", "loops"] = "fast"
    for_checks: Mapping[str, Any] = field(default_factory=dict, hash=False)
    finite_only: frozenset[str] = frozenset()

    def nearest_dtype(self, wanted: DType) -> DType:
        """`wanted`, or what there is in its place."""
        return wanted if wanted in self.dtypes else self.dtypes[0]


@dataclass(frozen=True)
class EngineInfo:
    """What `backproof engines` says of an engine that is installed."""

    version: str
    devices: tuple[str, ...] = ("cpu",)
    details: Mapping[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """A way to compute networks. One folder an engine."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    @property
    def operations(self) -> Collection[type[Op]]:
        """The operations that it has kernels for."""
        ...

    def compile(self, graph: Graph, parameters: Arrays, *, dtype: DType = "float32", device: str = "cpu") -> Trainer:
        """`graph` with the given weights (any float dtype, canonical layout); a `Predictor` if the engine cannot train.

        Raises `UserError` naming every operation that the engine lacks, or a device or dtype that it has not.
        """
        ...

    def info(self) -> EngineInfo:
        """Versions, devices, linear-algebra library, threads."""
        ...

    def set_threads(self, count: int) -> None:
        """Compute with `count` threads from now on, in the whole process."""
        ...
