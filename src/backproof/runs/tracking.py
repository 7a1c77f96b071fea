"""What is kept of an epoch besides its figures: weights of chosen layers, and dev samples with the model's answer."""

from collections.abc import Sequence

import numpy as np

from backproof.data import Partition
from backproof.errors import OptionError
from backproof.graph import Array, Graph
from backproof.ops import SoftmaxCrossEntropy
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
    """Some dev samples, spread evenly over the partition, and what the model says of them.

    samples_x (k, C, H, W) or (k, D); samples_y and samples_predicted (k,), classes; samples_probability (k,), that
    of the predicted class: the softmax of the outputs, or with a loss on numbers the output itself.
    """

    def __init__(self, dev: Partition, wanted: int) -> None:
        if wanted and not len(dev):
            raise OptionError("{show_samples} shows dev samples; give the dev partition a share with {split}")
        chosen = np.linspace(0, len(dev) - 1, min(wanted, len(dev))).round().astype(int)
        self._x = dev.x[chosen]
        self._y = dev.y[chosen]
        self._images = self._x.reshape(len(self._x), *(dev.image_shape or dev.x.shape[1:]))

    def __call__(self, event: EpochDone) -> dict[str, Array]:
        """The model's answers at the end of an epoch."""
        if not len(self._x):
            return {}
        graph = event.trainer.graph
        output = event.trainer.forward({graph.inputs[0].name: self._x})[graph.output]
        predicted = output.argmax(1)
        if isinstance(graph.node[graph.loss or ""].op, SoftmaxCrossEntropy):
            output = np.exp(output - output.max(1, keepdims=True))
            output /= output.sum(1, keepdims=True)
        return {
            "samples_x": self._images,
            "samples_y": self._y,
            "samples_predicted": predicted,
            "samples_probability": output[np.arange(len(output)), predicted].astype(np.float32),
        }
