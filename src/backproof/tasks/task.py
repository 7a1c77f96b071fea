"""What a task declares: which losses fit its targets, what is measured of predictions, and what is kept and shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from backproof.data.targets import TargetSpec
from backproof.errors import OptionError, UserError
from backproof.graph import BATCH, OPERATIONS, Array, Arrays, Graph, Loss, Shape
from backproof.metrics import METRICS, Metric
from backproof.tables import Table
from backproof.user_file import is_reference

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Answer:
    """What a network says of one sample, for people.

    Attributes:
        text: the prediction.
        detail: how sure it is, or how good.
        truth: what would have been right; "" where `text` is.
        right: whether it is; None where that is no question of yes or no.
        overlay: (H, W, 4) uint8, to be laid over the sample's picture; None for none.
    """

    text: str
    detail: str = ""
    truth: str = ""
    right: bool | None = None
    overlay: Array | None = None


class Task:
    """What the targets of a dataset ask of a network.

    Attributes:
        name: "classification", "segmentation" or "regression".
        followed: the measure of dev by which the best epoch is chosen, unless another one is asked for.
        unfit: what to do about a model that puts out something else.
        kept_samples: how many test samples are kept at the end, with the network's answers.
        targets: what a target is.

    Of `metrics`, all there are if None, those that fit are measured.
    """

    name: ClassVar[str]
    followed: ClassVar[str] = "cost"
    kept_samples: ClassVar[int] = 0
    unfit: ClassVar[str] = "choose another {model}"

    def __init__(self, targets: TargetSpec, metrics: Iterable[Metric] | None = None) -> None:
        self.targets = targets
        self._known = tuple(METRICS.values() if metrics is None else metrics)

    @property
    def losses(self) -> Mapping[str, type[Loss]]:
        """Losses that fit, by the name that `--loss` takes; the first is the default."""
        raise NotImplementedError

    def loss(self, name: str = "") -> type[Loss]:
        """The loss called `name`, or the default. Raises `UserError` for one that does not fit.

        Losses that users wrote are known by the name of their class, or as FILE.py:NAME.
        """
        name = name or next(iter(self.losses))
        if name in self.losses:
            return self.losses[name]
        if is_reference(name) or OPERATIONS.is_custom(name):
            kind = OPERATIONS.require(name)
            if issubclass(kind, Loss):
                return kind
        raise OptionError("{loss} is '{}'; for {} there are {}", name, self.name, ", ".join(self.losses))

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured of predictions in an evaluation; those made for this task stand before borrowed ones."""
        fitting = [m for m in self._known if self.name in m.tasks and m.fits(self.targets)]
        return tuple(sorted(fitting, key=lambda m: m.tasks.index(self.name)))

    @cached_property
    def streaming(self) -> tuple[Metric, ...]:
        """Those metrics that are measured in every training step too."""
        return tuple(m for m in self.metrics if m.streams)

    @property
    def outputs(self) -> int:
        """How many numbers a network puts out for a sample, or for each of its pixels: a model's argument `classes`."""
        return len(self.targets.names)

    @property
    def output_shape(self) -> Shape:
        """The shape of a network's output."""
        return Shape(BATCH, self.outputs)

    def require_fit(self, model: str, graph: Graph) -> None:
        """Raise `UserError` for a network that puts out something else than this task needs."""
        output = graph.shapes[graph.output]
        if output != self.output_shape:
            raise OptionError(
                f"model '{{}}' puts out {output}, and {self.name} of this data needs {self.output_shape}; {self.unfit}",
                model,
            )

    def require_loss_fit(self, graph: Graph) -> None:
        """Raise `UserError` for a loss that takes other targets; it may take classes as one-hot rows of numbers."""
        target, kind = graph.inputs[1], "int" if self.targets.integer else "float"
        fits = {(Shape(BATCH, *self.targets.shape), kind), (self.output_shape, "float")}
        if (target.shape, target.kind) not in fits:
            raise UserError(
                f"loss '{graph.loss}' takes {target.kind} targets {target.shape}; the data has {kind} targets "
                f"{Shape(BATCH, *self.targets.shape)}"
            )

    def prediction(self, output: Array, graph: Graph) -> Array:  # noqa: ARG002
        """What metrics take, from the output of `graph`, a network with its loss."""
        return output

    def kept(self, prediction: Array, target: Array) -> dict[str, Array]:
        """What is kept of an evaluated batch, by name."""
        raise NotImplementedError

    def joined(self, first: Arrays, second: Arrays) -> dict[str, Array]:
        """What is kept of two batches together: sums, unless said otherwise."""
        return {name: first[name] + second[name] for name in first}

    def shown(self, output: Array, graph: Graph) -> dict[str, Array]:
        """What is kept of the answers to single samples: `predicted`, (n, ...), and more."""
        return {"predicted": self.prediction(output, graph)}

    def figures(self, kept: Mapping[str, Array]) -> "dict[str, Figure]":  # noqa: ARG002
        """Plotly figures by title, of what `kept` gave for all samples of a partition; {} where something is missing.

        In the `meta` of a figure's layout {"wide": True} asks for the page's whole width.
        """
        return {}

    def tables(self, kept: Mapping[str, Array]) -> Sequence[Table]:  # noqa: ARG002
        """Tables of the same."""
        return ()

    def answers(self, samples: Mapping[str, Array]) -> list[Answer]:
        """What to say of shown samples; `samples` holds `y`, `predicted` and `probability` if there is any."""
        raise NotImplementedError


def loss_on_output(graph: Graph) -> Loss | None:
    """The loss that takes the prediction of a network; None where none does so directly."""
    return next((n.op for n in graph.nodes if isinstance(n.op, Loss) and n.inputs[0] == graph.output), None)
