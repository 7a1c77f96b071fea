"""What a task declares: which losses fit its targets, what is measured of predictions, and what is kept of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from backproof.data.targets import TargetSpec
from backproof.errors import OptionError
from backproof.graph import Array, Arrays, Graph, Loss, Shape
from backproof.metrics import METRICS, Metric
from backproof.tables import Table

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
        losses: those that fit, by the name that `--loss` takes; the first is the default.
        targets: what a target is.
        followed: the measure that tells the best epoch, unless another one is asked for.
    """

    name: ClassVar[str]
    losses: ClassVar[Mapping[str, Callable[..., Loss]]]
    followed: ClassVar[str] = "cost"

    def __init__(self, targets: TargetSpec) -> None:
        self.targets = targets

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured of predictions in an evaluation."""
        return tuple(m for m in METRICS.values() if self.name in m.tasks and m.fits(self.targets))

    @cached_property
    def streaming(self) -> tuple[Metric, ...]:
        """Those metrics that are measured in every training step too."""
        return tuple(m for m in self.metrics if m.streams)

    def loss(self, name: str | None = None) -> Callable[..., Loss]:
        """The loss called `name`, or the default. Raises `UserError` for one that does not fit."""
        name = name or next(iter(self.losses))
        if name not in self.losses:
            raise OptionError("{loss} is {}; losses for {} are {}", name, self.name, ", ".join(self.losses))
        return self.losses[name]

    @property
    def outputs(self) -> int:
        """How many numbers a network puts out for a sample, or for each of its pixels: a model's argument `classes`."""
        return len(self.targets.names)

    @property
    def output_shape(self) -> Shape:
        """The shape of a network's output."""
        raise NotImplementedError

    def prediction(self, output: Array, graph: Graph) -> Array:  # noqa: ARG002
        """What metrics take, from the output of `graph`, a network with its loss."""
        return output

    def kept(self, prediction: Array, target: Array) -> dict[str, Array]:
        """What is kept of an evaluated batch, by name."""
        raise NotImplementedError

    def joined(self, first: Arrays, second: Arrays) -> dict[str, Array]:
        """What is kept of two batches together."""
        raise NotImplementedError

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
