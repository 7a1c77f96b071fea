"""Pictures of a run's tracked weights and samples, with a slider over the epochs."""

from collections.abc import Mapping, Sequence

import numpy as np

from backproof.graph import Array
from backproof.plots.pictures import data_uri, image_shape, sample_images, weight_mosaic
from backproof.runs.store import RunSnapshot
from backproof.tasks import Answer, task_of
from backproof.view.html import Content, Html, element, join

KeptArrays = Mapping[int, Mapping[str, Array]]
"""What was kept, by epoch and name."""

WIDEST = 1120
"""Pixels on the page that the pictures of a layer may take side by side."""

TILES = (48, 112)
"""Pixels on the page that the picture of one unit is wide: at least and at most, about."""


def weights_blocks(run: RunSnapshot, kept: KeptArrays) -> list[Html]:
    """The weights of each tracked layer."""
    layers = dict.fromkeys(key for arrays in kept.values() for key in arrays if key.startswith("track."))
    return [
        layer_block(run, key.removeprefix("track."), {e: a[key] for e, a in kept.items() if key in a}) for key in layers
    ]


def layer_block(run: RunSnapshot, layer: str, weights: dict[int, Array]) -> Html:
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


def samples_block(place: int, run: RunSnapshot, kept: KeptArrays) -> Html | None:
    """Some dev samples with the network's answers; the pictures stand in the page once, whatever the epochs."""
    prefix = "samples_"
    found = {
        epoch: {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        for epoch, arrays in kept.items()
        if "samples_x" in arrays
    }
    if not found:
        return None
    samples = next(iter(found.values()))["x"]
    shape = image_shape(run.dataset.image_shape, int(np.prod(samples.shape[1:])))
    images = sample_images(samples, shape) if shape is not None else []
    style = [f".sample-{place}-{i}{{background-image:url({data_uri(image)})}}" for i, image in enumerate(images)]
    task = task_of(run.dataset.targets)
    frames = [
        element(
            "div", *[tile(f"sample-{place}-{i}" if style else "", a) for i, a in enumerate(answers)], class_="samples"
        )
        for answers in map(task.answers, found.values())
    ]
    return element(
        "div",
        element("style", Html("".join(style))) if style else None,
        element("h3", "Samples", element("small", "of the dev partition, with the network’s answers")),
        over_epochs(list(found), frames),
        class_="card",
    )


def tile(picture: str, answer: Answer) -> Html:
    """One sample: its picture, if it has one, and what the network says of it."""
    veil = element("img", src=data_uri(answer.overlay), alt="", class_="veil") if answer.overlay is not None else None
    return element(
        "div",
        element("div", veil, class_=f"picture {picture}") if picture else None,
        element("p", element("b", answer.text), " ", element("span", answer.detail)),
        element("p", f"is {answer.truth}", class_="truth" if answer.right is False else None) if answer.truth else None,
        class_="sample wrong" if answer.right is False else "sample",
    )


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
