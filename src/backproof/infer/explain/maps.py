"""Where in an image a score comes from: saliency, Grad-CAM and occlusion, by any engine's own backward pass."""

from collections.abc import Iterator

import numpy as np

from backproof.engines import EVALUATION, DType, Engine, Trainer
from backproof.errors import ModelError
from backproof.graph import Array, Arrays, Graph
from backproof.infer.explain.score import LABEL, LEFT_OUT, Score
from backproof.ops import Conv2d
from backproof.verify.networks.observation import tap_of, with_taps

AT_ONCE = 8
"""Samples a batch of occlusion."""


class Explainer:
    """A network that ends in a score (`ending_in_score`), on one engine.

    Args:
        layer: the node whose maps Grad-CAM weighs, behind which stands a tap; "" for none.
    """

    def __init__(self, engine: Engine, graph: Graph, parameters: Arrays, dtype: DType, layer: str = "") -> None:
        trains = engine.capabilities.trains
        self.graph = graph = (with_taps(graph, (layer,)) if layer else graph) if trains else graph.without_loss()
        own = {name: parameters[name] for name in graph.parameters}
        self.predictor: Trainer = engine.compile(graph, own, dtype=dtype)
        self.dtype, self.layer = dtype, layer if trains else ""

    def outputs(self, x: Array) -> Array:
        """Scores of samples (n, ...): (n, C, ...)."""
        rows = [self._run(x[start : start + self._batch]) for start in range(0, len(x), self._batch)]
        return np.concatenate(rows)

    def slopes(self, x: Array, score: Score) -> tuple[Array, Array | None, Array | None]:
        """d score / d x of one sample (1, ...); and the layer's maps (C, h, w), and d score / d maps."""
        filled = self._filled(x)
        labels = np.full((len(filled), *score.labels.shape[1:]), LEFT_OUT)
        labels[0] = score.labels[0]
        inputs = self._inputs(filled) | {LABEL: labels}
        found = self.predictor.gradients(inputs, EVALUATION)
        slope = -found.inputs[self.graph.inputs[0].name][:1]
        if not self.layer:
            return slope, None, None
        maps = self.predictor.forward(self._inputs(filled), EVALUATION, (self.layer,))[self.layer]
        return slope, maps[0], -found.inputs[tap_of(self.layer)][0]

    @property
    def _batch(self) -> int:
        """How many samples go through at once: the network's own number, if it takes no other."""
        size = self.graph.inputs[0].shape[0]
        return size if isinstance(size, int) else AT_ONCE

    def _filled(self, x: Array) -> Array:
        """Samples in the engine's dtype, filled up by the first to as many as the network takes."""
        size = self.graph.inputs[0].shape[0]
        missing = size - len(x) if isinstance(size, int) else 0
        return np.concatenate([x, np.repeat(x[:1], missing, 0)]).astype(self.dtype)

    def _inputs(self, x: Array) -> dict[str, Array]:
        inputs = {self.graph.inputs[0].name: x}
        if self.layer:
            inputs[tap_of(self.layer)] = np.zeros(self.graph.shapes[self.layer].bind(len(x)), self.dtype)
        return inputs

    def _run(self, x: Array) -> Array:
        return self.predictor.forward(self._inputs(self._filled(x)), EVALUATION)[self.graph.output][: len(x)]


def saliency(slope: Array, image_shape: tuple[int, ...]) -> Array:
    """max over channels of |d score / d x|: (H, W).   Simonyan, Vedaldi & Zisserman 2014."""
    return np.asarray(np.abs(slope.reshape(image_shape)).max(0))


def grad_cam(maps: Array, slopes: Array) -> Array:
    """ReLU(Σₖ αₖ Aₖ), with αₖ the mean over pixels of d score / d Aₖ: (h, w).   Selvaraju et al. 2017.

    maps, slopes: A and d score / d A, (channels, h, w).
    """
    weights = slopes.mean((1, 2))
    return np.asarray(np.maximum(np.tensordot(weights, maps, 1), 0))


def occlusion(explainer: Explainer, x: Array, score: Score, image_shape: tuple[int, ...], patch: int) -> Array:
    """How much the score falls when a square around a pixel is grey: (H, W) float64.   Zeiler & Fergus 2014.

    Squares of `patch` pixels lie half a square apart, up to all borders; a pixel gets the mean over those that cover
    it. Grey is the image's own mean, channel by channel. x: one sample (1, ...) of an image (C, H, W).
    """
    image = x.reshape(image_shape)
    grey = image.mean((1, 2), keepdims=True)
    fall, covered = np.zeros(image.shape[1:]), np.zeros(image.shape[1:])
    before = score.of(explainer.outputs(x))[0]
    places = list(_windows(image.shape[1], image.shape[2], patch))
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        hidden = np.repeat(image[None], len(some), 0)
        for sample, (rows, columns) in zip(hidden, some, strict=True):
            sample[:, rows, columns] = grey
        after = score.of(explainer.outputs(hidden.reshape(len(some), *x.shape[1:])))
        for (rows, columns), value in zip(some, after, strict=True):
            fall[rows, columns] += before - value
            covered[rows, columns] += 1
    return np.asarray(fall / covered)


def _windows(height: int, width: int, patch: int) -> Iterator[tuple[slice, slice]]:
    def starts(size: int) -> list[int]:
        last = max(size - patch, 0)
        return [*range(0, last, max(patch // 2, 1)), last]

    for top in starts(height):
        for left in starts(width):
            yield slice(top, top + patch), slice(left, left + patch)


def layer_of_maps(graph: Graph, layer: str = "") -> str:
    """The node whose maps Grad-CAM takes: `layer`, or the last convolution with what follows it pixel by pixel.

    From the last `Conv2d` that does not put out the scores themselves, on over BatchNorm, activation and sums as long
    as nothing else takes its maps and they keep their shape. Raises `UserError` for a node without maps, or where there
    is none.
    """
    if layer:
        node = graph.require_node(layer)
        if len(node.shape) != 4:
            raise ModelError(f"Grad-CAM takes maps (N, channels, height, width), and '{layer}' puts out {node.shape}")
        return layer
    before, channels = graph.leading_to(graph.output), graph.shapes[graph.output][1]
    nodes = [node for node in graph.nodes if node.name in before]
    found = [n for n in nodes if isinstance(n.op, Conv2d) and n.name != graph.output and n.shape[1] != channels]
    if not found:
        raise ModelError("Grad-CAM takes the maps of a convolution, and the network has none in front of its output")
    name = found[-1].name
    while True:
        takers = [node for node in nodes if name in node.inputs]
        alone = len(takers) == 1 and takers[0].shape == graph.shapes[name] and not isinstance(takers[0].op, Conv2d)
        if not alone or takers[0].name == graph.output:
            return name
        name = takers[0].name
