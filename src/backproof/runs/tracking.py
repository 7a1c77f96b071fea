"""What is kept of an epoch besides its figures: weights of chosen layers, and samples with the network's answer."""

from collections.abc import Sequence

import numpy as np

from backproof.data import Partition
from backproof.engines import Predictor
from backproof.errors import OptionError
from backproof.graph import Array, Graph
from backproof.tasks import Task
from backproof.train.events import EpochDone


class TrackedLayers:
    """The first rows of some layers' weights: `track.<layer>`, (units, fan_in) in canonical layout.

    `wanted` are texts NAME,UNITS. Raises `UserError` for a layer that the network has not, one without weights, or
    more units than it has.
    """

    def __init__(self, graph: Graph, wanted: Sequence[str]) -> None:
        self._units = dict(self._parse(graph, text) for text in wanted)

    def __call__(self, event: EpochDone) -> dict[str, Array]:
        """The weights at the end of an epoch."""
        parameters = event.trainer.parameters() if self._units else {}
        return {
            f"track.{layer}": (w := parameters[f"{layer}.weight"]).reshape(len(w), -1)[:units]
            for layer, units in self._units.items()
        }

    @staticmethod
    def _parse(graph: Graph, text: str) -> tuple[str, int]:
        layer, comma, number = text.rpartition(",")
        if not comma or not number.strip().isdecimal() or int(number) < 1:
            raise OptionError("{track_layer} is '{}'; it must be NAME,UNITS, such as fc1,8", text)
        with_weights = [node.name for node in graph.nodes if "weight" in node.parameters]
        if layer not in with_weights:
            what = "has no weights" if layer in graph.node else "is not in the network"
            raise OptionError(
                "{track_layer}: layer '{}' {}; those with weights are {}", layer, what, ", ".join(with_weights)
            )
        node, units = graph.node[layer], int(number)
        has = node.parameters["weight"].shape[0]
        if units > has:
            raise OptionError("{track_layer}: layer '{}' has {} units, not {}", layer, has, units)
        return layer, units


class ShownSamples:
    """Some samples, spread evenly over a partition, and what the network says of them.

    samples_x (k, C, H, W) or (k, D), samples_y (k, ...), and samples_predicted and more, as the task has it.
    """

    def __init__(self, partition: Partition, wanted: int, task: Task) -> None:
        chosen = np.linspace(0, len(partition) - 1, min(wanted, len(partition))).round().astype(int)
        self._x, self._y, self._task = partition.x[chosen], partition.y[chosen], task
        self._images = self._x.reshape(len(self._x), *(partition.image_shape or partition.x.shape[1:]))

    def __call__(self, predictor: Predictor) -> dict[str, Array]:
        """The answers now."""
        if not len(self._x):
            return {}
        graph = predictor.graph
        output = predictor.forward({graph.inputs[0].name: self._x})[graph.output]
        shown = {"x": self._images, "y": self._y, **self._task.shown(output, graph)}
        return {f"samples_{name}": array for name, array in shown.items()}
