"""Why a network answers so: maps of an image by how much its pixels, or squares of them, matter to a score."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from backproof.data.pillow import resampled
from backproof.engines import DType, Engine, get_engine
from backproof.errors import ModelError, OptionError, unknown
from backproof.graph import Array
from backproof.infer.explain.maps import Explainer, grad_cam, layer_of_maps, occlusion, saliency
from backproof.infer.explain.score import Score, ending_in_score, score_for
from backproof.infer.loaded import LoadedModel

__all__ = ["METHODS", "Explanation", "Method", "explain"]

Method = Literal["saliency", "grad_cam", "occlusion"]

METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Explanation:
    """Maps of one image.

    Attributes:
        target: the class (or number of a regression) whose score is explained; 0 where there is one number a pixel.
        score: that score, summed over the pixels of the class where each has scores.
        maps: by method, (H, W) float32 of 0..1, 1 where it matters most.
        values: by method, what was computed: saliency (H, W), Grad-CAM (h, w) as the layer has them, occlusion (H, W),
            the fall of the score, below 0 where it rises.
        layer: whose maps Grad-CAM took; "" without it.
        apart: by method, how far the engines' values are from the first engine's: the largest difference, as a share
            of the largest value; 0 for one engine.
        engines: who computed each method: an engine that does not train has occlusion alone.
    """

    target: int
    score: float
    maps: Mapping[Method, Array]
    values: Mapping[Method, Array]
    layer: str
    apart: Mapping[Method, float]
    engines: Mapping[Method, tuple[str, ...]]


def explain(
    model: LoadedModel,
    x: Array,
    *,
    methods: Collection[Method] = METHODS,
    engines: Sequence[str | Engine] = ("numpy",),
    target: int | None = None,
    layer: str = "",
    patch: int = 0,
    dtype: DType | None = None,
) -> Explanation:
    """Maps of one sample, as the network takes it.

    Args:
        model: on images.
        x: (1, C, H, W), or (1, D) where the network takes images as vectors; preprocessed.
        methods: which maps.
        engines: who computes; the first one's maps are given, and how far the others are from them.
        target: the class to explain; None for the likeliest, or the one that most pixels have.
        layer: the node whose maps Grad-CAM takes; "" for the last convolution with what follows it pixel by pixel.
        patch: side of the squares of occlusion; 0 for a sixth of the image's shorter side.
        dtype: float32, or float64 where several engines are compared, if None.

    Raises `UserError` for a model on something else than images, and for a method, class or layer that is not there.
    """
    for method in methods:
        if method not in METHODS:
            raise unknown("method to explain with", method, METHODS, OptionError)
    shape = model.image_shape
    if len(shape) != 3:
        raise ModelError(f"model '{model.name}' takes {model.input}, no images; only images have pixels to explain by")
    if x.shape[1:] != tuple(model.input[1:]) or len(x) != 1:
        raise ModelError(f"model '{model.name}' is explained on one sample of {model.input}, not on {x.shape}")
    graph = ending_in_score(model.graph)
    layer = layer_of_maps(graph, layer) if "grad_cam" in methods else ""
    patch = patch or max(1, min(shape[1:]) // 6)
    wanted: DType = dtype or ("float64" if len(engines) > 1 else "float32")
    threshold = 0.5 if model.scores == "probabilities" and graph.output == model.graph.output else 0.0
    score: Score | None = None
    answer = 0.0
    found: dict[str, dict[Method, Array]] = {}
    for engine in map(_engine, engines):
        explainer = Explainer(engine, graph, model.parameters, engine.capabilities.nearest_dtype(wanted), layer)
        outputs = explainer.outputs(x)
        if score is None:  # the first engine says which class it is
            score = score_for(outputs, target, threshold=threshold)
            answer = float(score.of(outputs)[0])
        made: dict[Method, Array] = {}
        if engine.capabilities.trains and {"saliency", "grad_cam"} & {*methods}:
            slope, maps, slopes = explainer.slopes(x, score)
            if "saliency" in methods:
                made["saliency"] = saliency(slope, shape)
            if maps is not None and slopes is not None:
                made["grad_cam"] = grad_cam(maps, slopes)
        if "occlusion" in methods:
            made["occlusion"] = occlusion(explainer, x, score, shape, patch)
        found[engine.name] = made
    assert score is not None
    by = {method: tuple(name for name, made in found.items() if method in made) for method in METHODS}
    values = {method: found[by[method][0]][method] for method in METHODS if by[method]}
    if missing := [method for method in methods if method not in values]:
        raise ModelError(f"{missing[0]} needs gradients, and {', '.join(found)} does not compute any")
    return Explanation(
        target=score.target,
        score=answer,
        maps={method: _stretched(value, shape[1:]) for method, value in values.items()},
        values=values,
        layer=layer,
        apart={m: max(_apart(found[name][m], value) for name in by[m]) for m, value in values.items()},
        engines={method: by[method] for method in values},
    )


def _engine(engine: str | Engine) -> Engine:
    return get_engine(engine) if isinstance(engine, str) else engine


def _stretched(value: Array, size: tuple[int, ...]) -> Array:
    """As large as the image, bilinear; what is above 0 as a share of the largest."""
    above = np.maximum(value, 0).astype(np.float32)
    if above.shape != size:
        above = resampled(above[None], lambda plane, how, _: plane.resize((size[1], size[0]), how))[0]
    shares: Array = above / (above.max() or 1)
    return shares


def _apart(found: Array, first: Array) -> float:
    largest: Any = np.max(np.abs(first))
    return float(np.max(np.abs(found - first)) / (largest or 1))
