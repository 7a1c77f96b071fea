"""The page of answers: what was measured, and pictures with what the network says of them; it needs no other file."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from heapq import heappush, heappushpop
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import backproof
from backproof.data.pictures import fitted
from backproof.infer.stream import THUMBNAIL, Answer, Inference, as_scores
from backproof.infer.writing import (
    Writer,
    cutout_picture,
    foreground,
    mask_picture,
    overlay_picture,
    shown_picture,
)
from backproof.metrics import METRICS, measure
from backproof.tables import Column, Table, Value
from backproof.tables.numbers import duration, written
from backproof.view.document import document, write_document
from backproof.view.html import Html, element, folded, identity, join, section
from backproof.view.sections.configuration import shown as option_text
from backproof.view.sections.curves import figure_card, is_wide
from backproof.view.sections.run import facts_table, table_card
from backproof.view.tables import html_table

if TYPE_CHECKING:
    from PIL import Image

MOST = 60
"""Answers shown of each kind: the first ones, and the wrong ones of which the network was most certain."""

MOST_MASKS = 24
"""Images shown with their masks."""

MASK_SIDE = 300
"""Pixels of the longer side of a mask's picture on the page."""

SMALL = 64
"""Pixels up to which a picture is shown pixel by pixel."""

LISTED = 100
"""Names of images that could not be used."""


@dataclass(frozen=True)
class Shown:
    """An answer with its pictures ready for the page, as small as they are shown."""

    answer: Answer
    pictures: tuple[str, ...] = ()
    pixels: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    further: tuple[tuple[str, str], ...] = ()


class PageFile(Writer):
    """A page with the first answers, the worst ones, and all that was measured; it is written in the end."""

    def __init__(self, path: Path, inference: Inference, inputs: Sequence[str], top: int) -> None:
        self.path, self.inputs, self.top = path, list(inputs), top
        self._task, self._classes = inference.model.task, inference.model.classes
        self._first: list[Shown] = []
        self._wrong: list[tuple[float, int, Shown]] = []
        self._errors: list[str] = []
        self._number = count()
        self.seconds = 0.0
        self.further: Callable[[Answer], Mapping[str, Image.Image]] = lambda _: {}

    def add(self, answer: Answer) -> None:
        """Keep an answer, if it is to be seen; beside it stand the pictures, by title, that `further` gives."""
        if answer.error:
            if len(self._errors) < LISTED:
                self._errors.append(answer.error)
            return
        most = MOST_MASKS if self._task == "segmentation" else MOST
        wrong = self._task == "classification" and answer.truth is not None and answer.ranked[0] != int(answer.truth)
        sure = float(answer.values.max()) if wrong else 0.0
        keep_wrong = wrong and (len(self._wrong) < MOST or sure > self._wrong[0][0])
        if len(self._first) >= most and not keep_wrong:
            return
        one = self._shown(answer, self.further(answer))
        if len(self._first) < most:
            self._first.append(one)
        if keep_wrong:
            (heappush if len(self._wrong) < MOST else heappushpop)(self._wrong, (sure, -next(self._number), one))

    def _shown(self, answer: Answer, further: Mapping[str, "Image.Image"]) -> Shown:
        bare = Answer(answer.name, answer.key, answer.place, answer.values, answer.values[:0], answer.truth)
        more = tuple((title, data_uri(fitted(drawn, THUMBNAIL))) for title, drawn in further.items())
        if answer.picture is None:
            return Shown(bare, further=more)
        picture = shown_picture(answer)
        if self._task != "segmentation":
            return Shown(bare, (data_uri(picture),), max(picture.size) <= SMALL, further=more)
        masks = [answer] if answer.truth is None else [answer, replace(answer, values=answer.truth)]
        large = [picture, *(mask_picture(one).convert("RGB") for one in masks)]
        drawn = [fitted(one, MASK_SIDE) for one in (*large, overlay_picture(answer), cutout_picture(answer))]
        share = {"foreground": foreground(answer.values)}
        bare = Answer(answer.name, answer.key, answer.place, answer.values[:0], answer.values[:0])
        return Shown(bare, tuple(map(data_uri, drawn)), max(picture.size) <= SMALL, share | self._scores(answer), more)

    def _scores(self, answer: Answer) -> dict[str, float]:
        """How good one mask is."""
        if answer.truth is None:
            return {}
        pair = as_scores(answer.values[None], len(self._classes)), answer.truth[None]
        names = ("iou",) if self._classes else ("iou", "mae")
        return {name: METRICS[name].value(METRICS[name].count(*pair)) for name in names}

    def close(self, inference: Inference, *, whole: bool) -> None:
        """Write it."""
        write_document(self.page(inference, whole=whole), self.path)

    def page(self, inference: Inference, *, whole: bool) -> str:
        """The whole page as text."""
        title = f"{inference.model.name} on {_named(self.inputs)}"
        body = join(
            self._heading(inference, title, whole=whole),
            self._results(inference),
            agreement_section(inference),
            self._wrong_section(),
            self._pictures(inference),
            self._errors_section(inference),
            model_section(inference),
            element("footer", f"backproof {backproof.__version__}"),
        )
        return document(join(title), body)

    def _heading(self, inference: Inference, title: str, *, whole: bool) -> Html:
        total, done = len(inference), inference.done
        said = [inference.model.task, inference.model.origin, ", ".join(inference.predictors)]
        if self.seconds:
            said.append(f"{duration(self.seconds)} in all")
        ended = element("p", f"It ended after {done:,} of {total:,}.", class_="card failure") if not whole else None
        return element(
            "header",
            element("p", "backproof infer", class_="brand"),
            element("h1", title),
            element("p", " · ".join(said), class_="facts"),
            ended,
            element("div", *self._tiles(inference), class_="tiles"),
        )

    def _tiles(self, inference: Inference) -> Iterator[Html]:
        for name, value in inference.measured.items():
            known = measure(name)
            yield tile(known.title, written(value, known.unit))
        what = "samples" if self._task == "regression" else "images"
        yield tile(what, f"{inference.done - inference.bad:,}", f"{inference.bad:,} not used" if inference.bad else "")
        if self.seconds:
            rate = inference.done / self.seconds
            yield tile("a second", f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}", "reading and writing included")

    def _results(self, inference: Inference) -> Html | None:
        """What the task shows of all answers whose truth is known."""
        if not inference.kept:
            return None
        figures = inference.task.figures(inference.kept).items()
        wide = [figure_card(identity("answers", t), t, f) for t, f in figures if is_wide(f)]
        narrow = [figure_card(identity("answers", t), t, f) for t, f in figures if not is_wide(f)]
        tables = [table_card(table) for table in inference.task.tables(inference.kept)]
        beside = [element("div", *tables, class_="stack")] if tables else []
        return section("Results", element("div", *wide, *narrow[:1], *beside, *narrow[1:], class_="grid"))

    def _wrong_section(self) -> Html | None:
        if not self._wrong:
            return None
        worst = [self._card(one) for _, _, one in sorted(self._wrong, key=lambda item: item[:2], reverse=True)]
        return section(
            "Mistakes",
            element("div", *worst, class_="answers"),
            note="Those of which the network is most certain first.",
        )

    def _pictures(self, inference: Inference) -> Html | None:
        if not self._first:
            return None
        cards = [self._mask_card(one) if self._task == "segmentation" else self._card(one) for one in self._first]
        more = inference.done - inference.bad - len(cards)
        note = f"The first {len(cards)} of {len(cards) + more:,}." if more > 0 else None
        kind = "masks" if self._task == "segmentation" else "answers"
        return section("Answers", element("div", *cards, class_=kind), note=note)

    def _card(self, one: Shown) -> Html:
        """A picture beside what is said of it."""
        answer, truth = one.answer, None
        wrong = False
        if self._task == "classification":
            said: list[Html] = [
                bar(self._classes[i], float(answer.values[i]), first=not place)
                for place, i in enumerate(answer.ranked[: self.top])
            ]
            if answer.truth is not None:
                wrong = answer.ranked[0] != int(answer.truth)
                truth = f"is {self._classes[int(answer.truth)]}" if wrong else None
        else:
            truths = [None] * len(self._classes) if answer.truth is None else answer.truth.tolist()
            rows: list[list[Value]] = [
                list(row) for row in zip(self._classes, answer.values.tolist(), truths, strict=True)
            ]
            heads = [Column(""), Column("answer", "number"), Column("true", "number")]
            if answer.truth is None:
                heads, rows = heads[:2], [row[:2] for row in rows]
            said = [html_table(Table.of(heads, rows), "plain")]
        return element(
            "div",
            *[element("img", src=uri, alt="", class_="pixels" if one.pixels else None) for uri in one.pictures],
            element(
                "div",
                element("p", Path(answer.name).name, class_="file", title=answer.name),
                element("p", truth, class_="truth") if truth else None,
                *said,
                class_="said",
            ),
            further_pictures(one),
            class_="answer wrong" if wrong else "answer",
        )

    def _mask_card(self, one: Shown) -> Html:
        """Image, mask, overlay and cut-out side by side."""
        scores = [f"{100 * one.scores['foreground']:.0f} % of the image"]
        scores += [
            f"{measure(name).title} {written(value, measure(name).unit)}"
            for name, value in one.scores.items()
            if name != "foreground"
        ]
        titles: tuple[str, ...] = ("image", "mask", "true mask", "overlay", "cut-out")
        titles = titles if len(one.pictures) == len(titles) else (*titles[:2], *titles[3:])
        cells = [
            element(
                "figure",
                element(
                    "img", src=uri, alt=title, class_=("squares " if title == "cut-out" else "") + "pixels" * one.pixels
                ),
                element("figcaption", title),
            )
            for title, uri in zip(titles, one.pictures, strict=True)
        ]
        return element(
            "div",
            element("h3", Path(one.answer.name).name, element("small", ", ".join(scores))),
            element("div", *cells, class_="strip"),
            further_pictures(one),
            class_="card",
        )

    def _errors_section(self, inference: Inference) -> Html | None:
        if not inference.bad:
            return None
        more = inference.bad - len(self._errors)
        lines = [element("p", error) for error in self._errors]
        lines += [element("p", f"and {more:,} more", class_="note")] if more else []
        title = "1 image could not be used" if inference.bad == 1 else f"{inference.bad:,} images could not be used"
        return section(title, element("div", *lines, class_="card failure"))


def tile(label: str, value: str, note: str = "") -> Html:
    """A number that one looks for first."""
    return element(
        "div",
        element("p", label, class_="label"),
        element("p", value, class_="value"),
        element("p", note, class_="whose") if note else None,
        class_="tile",
    )


def bar(name: str, value: float, *, first: bool) -> Html:
    """A class, how likely it is, and that as a bar; a score outside of 0..1 has none."""
    share = 0 <= value <= 1
    filled = element("i", style=f"width:{100 * value:.1f}%") if share else None
    return element(
        "div",
        element("span", name, title=name),
        element("b", f"{100 * value:.1f} %" if share else f"{value:.4g}"),
        element("div", filled, class_="bar"),
        class_="likely first" if first else "likely",
    )


def further_pictures(one: Shown) -> Html | None:
    """Explanations beside an answer."""
    if not one.further:
        return None
    cells = [
        element("figure", element("img", src=uri, alt=title), element("figcaption", title))
        for title, uri in one.further
    ]
    return element("div", *cells, class_="strip")


def agreement_section(inference: Inference) -> Html | None:
    """How far engines are apart."""
    if not inference.agreement.apart:
        return None
    card = element("div", html_table(inference.agreement.table(), "plain"), class_="card")
    return section("Agreement of engines", card, note="All of them computed the same samples with the same weights.")


def model_section(inference: Inference) -> Html:
    """What the network is, and what was done to each image."""
    model = inference.model
    chosen = {name: option_text(value) for name, value in asdict(inference.preparation.options).items() if value}
    known: dict[str, Any] = {
        "model": model.name,
        "weights": model.origin,
        "task": model.task,
        "input": str(model.input),
        "preprocessing": ", ".join(f"{name} {value}".replace("_", " ") for name, value in chosen.items()) or "none",
        "parameters": f"{model.graph.parameter_count:,}",
        "graph": model.graph.hash,
    }
    return section(
        "The model", folded("Facts", facts_table(known)), folded("Network", element("pre", model.graph.summary()))
    )


def data_uri(drawn: "Image.Image") -> str:
    """A picture as a `data:` address: PNG where it is small or transparent, else JPEG."""
    content, small = BytesIO(), max(drawn.size) <= SMALL
    kind = "png" if small or drawn.mode == "RGBA" else "jpeg"
    drawn.save(content, kind, **({"optimize": True} if kind == "png" else {"quality": 85}))
    return f"data:image/{kind};base64,{b64encode(content.getvalue()).decode()}"


def _named(inputs: Sequence[str]) -> str:
    """ "photos", "cat.jpg and dog.jpg", "cat.jpg and 12 more"."""
    names = [Path(text).resolve().name for text in inputs]
    return " and ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"
