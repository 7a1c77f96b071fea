"""Pictures of a run's tracked weights and samples, with a slider over the epochs."""

from collections.abc import Sequence

import numpy as np

from backproof.graph import Array
from backproof.plots.pictures import data_uri, image_shape, sample_images, spread_out, weight_mosaic
from backproof.runs.store import Run
from backproof.view.html import Content, Html, element, join
from backproof.view.numbers import written

WIDEST = 1120
"""Pixels on the page that the pictures of a layer may take side by side."""

TILES = (48, 112)
"""Pixels on the page that the picture of one unit is wide: at least and at most, about."""


def weights_blocks(run: Run) -> list[Html]:
    """The weights of each tracked layer."""
    epochs = spread_out([epoch.epoch for epoch in run.epochs()])
    kept = {epoch: run.arrays(epoch) for epoch in epochs}
    layers = dict.fromkeys(key for arrays in kept.values() for key in arrays if key.startswith("track."))
    return [
        layer_block(run, key.removeprefix("track."), {e: a[key] for e, a in kept.items() if key in a}) for key in layers
    ]


def layer_block(run: Run, layer: str, weights: dict[int, Array]) -> Html:
    """One layer over the epochs, all on one scale of colours."""
    units, fan_in = next(iter(weights.values())).shape
    shape = image_shape(run.dataset.image_shape, fan_in)
    largest = max(float(np.abs(w[np.isfinite(w)]).max(initial=0.0)) for w in weights.values())
    tile = min(max(WIDEST // units, TILES[0]), TILES[1])
    scale = max(1, tile // (shape[2] + 1)) if shape else max(1, min(12, WIDEST // fan_in))
    columns = min(units, WIDEST // ((shape[2] + 1) * scale)) if shape else 1
    frames = []
    for w in weights.values():
        mosaic = weight_mosaic(np.nan_to_num(w), shape, largest, max(columns, 1))
        frames.append(
            element(
                "img", src=data_uri(mosaic), width=mosaic.shape[1] * scale, class_="pixels", alt=f"weights of {layer}"
            )
        )
    what = "one picture a unit, over the pixels of the input" if shape else "one row a unit, one column an input"
    key = [element("span", f"−{largest:.2g}"), element("i", class_="ramp"), element("span", f"+{largest:.2g}")]
    return element(
        "div",
        element("h3", f"Weights of {layer}", element("small", f"{units} units, {what}")),
        element("div", *key, class_="scale") if not shape or shape[0] != 3 else None,
        over_epochs(list(weights), frames),
        class_="card",
    )


def samples_block(place: int, run: Run) -> Html | None:
    """Some dev samples with the model's answers; the pictures stand in the page once, whatever the epochs."""
    epochs = spread_out([epoch.epoch for epoch in run.epochs()])
    kept = {epoch: arrays for epoch in epochs if "samples_x" in (arrays := run.arrays(epoch))}
    if not kept:
        return None
    samples = next(iter(kept.values()))["samples_x"]
    shape = image_shape(run.dataset.image_shape, int(np.prod(samples.shape[1:])))
    style = []
    if shape is not None:
        style = [
            f".sample-{place}-{i}{{background-image:url({data_uri(image)})}}"
            for i, image in enumerate(sample_images(samples, shape))
        ]
    frames = [answers(place, arrays, run.dataset.classes, pictures=bool(style)) for arrays in kept.values()]
    return element(
        "div",
        element("style", Html("".join(style))) if style else None,
        element("h3", "Samples", element("small", "of the dev partition, with the model’s answers")),
        over_epochs(list(kept), frames),
        class_="card",
    )


def answers(place: int, arrays: dict[str, Array], classes: Sequence[str], *, pictures: bool) -> Html:
    """One epoch's answers."""
    tiles = []
    truth, predicted, probability = (arrays[f"samples_{key}"] for key in ("y", "predicted", "probability"))
    for i, (true, answer) in enumerate(zip(truth, predicted, strict=True)):
        right = bool(true == answer)
        sure = float(probability[i])
        name = classes[int(answer)]
        tiles.append(
            element(
                "div",
                element("div", class_=f"picture sample-{place}-{i}") if pictures else None,
                element("p", element("b", name), " ", element("span", written(sure, "fraction").split(".")[0] + " %")),
                None if right else element("p", f"is {classes[int(true)]}", class_="truth"),
                class_="sample" if right else "sample wrong",
            )
        )
    return element("div", *tiles, class_="samples")


def over_epochs(epochs: Sequence[int], frames: Sequence[Html]) -> Html:
    """Frames of which one is seen, the last at first, and a slider that chooses."""
    shown: list[Content] = [
        element("div", frame, class_="frame", data_epoch=epoch, hidden=place < len(frames) - 1)
        for place, (epoch, frame) in enumerate(zip(epochs, frames, strict=True))
    ]
    if len(frames) == 1:
        return join(*shown)
    last = len(frames) - 1
    slider = element("input", type="range", min=0, max=last, value=last, step=1, aria_label="epoch")
    output = element("output", f"epoch {epochs[-1]}")
    return element("div", element("label", slider, output, class_="slider"), *shown, class_="frames")
