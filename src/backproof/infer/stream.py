"""A network at work on a stream of samples: in batches, with a few read ahead, in constant memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from backproof.data.pictures import fitted, picture
from backproof.data.preprocessed import as_float
from backproof.data.sources import BadImageError
from backproof.data.sources.source import Image
from backproof.engines import Predictor
from backproof.errors import OptionError, UserError
from backproof.graph import Array
from backproof.infer.agreement import Agreement
from backproof.infer.ahead import ahead
from backproof.infer.loaded import LoadedModel, outputs
from backproof.infer.prepare import Preparation, Sample, laid_back
from backproof.infer.samples import UNKNOWN, Samples
from backproof.metrics import add
from backproof.metrics import values as metric_values
from backproof.tasks import Task, task_of
from backproof.train.evaluation import evaluation_batch

BATCH = 32
"""Samples a pass, at most, unless asked for otherwise."""

WAITING = 2
"""Batches that are read ahead."""

PIXELS = 16_000_000
"""Pixels of the images of one batch: where they are kept whole, large photographs make small batches."""

THUMBNAIL = 224
"""Pixels of the longer side of a picture that is kept to be looked at."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Answer:
    """What the network says of one sample.

    Attributes:
        name: of the sample, as people know it.
        key: a path without suffix, below which files about it are written.
        place: its number in the stream, from 0.
        values: probabilities of the classes (K,) where the output means some, else scores; numbers (K,); a mask as
            large as the image, (H, W) class indices or (1, H, W) probabilities.
        output: as the network gave it, without the first axis.
        truth: the right answer, in the form of `values`, of a class its index; None where it is not known.
        picture: (H, W, 1 or 3) uint8: the image, where there are masks; else a small one; None for what is no image.
        error: why there is no answer; then `values` and `output` are empty.
        x: what the network saw, if it was asked for.
    """

    name: str
    key: str
    place: int
    values: Array
    output: Array
    truth: Array | None = None
    picture: Pixels | None = None
    error: str = ""
    x: Array | None = None

    @property
    def ranked(self) -> list[int]:
        """Places of `values` from the highest down; of equal ones the first."""
        order: list[int] = np.argsort(-self.values, kind="stable").tolist()
        return order


@dataclass(frozen=True)
class _Read:
    """A sample that was read; `sample` is None where that went wrong, and `misfit` where it did not fit the network."""

    place: int
    name: str
    key: str
    sample: Sample | None = None
    size: tuple[int, int] = (0, 0)
    truth: Array | None = None
    picture: Pixels | None = None
    error: str = ""
    misfit: UserError | None = None


@dataclass(eq=False)
class Inference:
    """The answers to a stream of samples. Iterate over it once; what is measured stands here meanwhile and afterwards.

    Attributes:
        model: the network and what belongs to it.
        samples: of each input.
        predictors: by engine; the first one's answers count.
        preparation: what is done to each image.
        batch_size: samples a pass; 0 for as many as are well.
        stretch: whether each mask is stretched to 0..1 first, as U²-Net's authors do.
        keep_x: whether answers hold what the network saw.
        done, bad: answers given so far, and those of them with an error.
        left: answers that are still to come of the batch that was computed last, and is measured already.
    """

    model: LoadedModel
    samples: Sequence[Samples]
    predictors: Mapping[str, Predictor]
    preparation: Preparation
    batch_size: int = 0
    stretch: bool = False
    keep_x: bool = False
    done: int = 0
    bad: int = 0
    left: int = 0
    agreement: Agreement = field(init=False)
    task: Task = field(init=False)
    _totals: dict[str, Array] = field(default_factory=dict)
    _kept: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.agreement = Agreement(tuple(self.predictors))
        self.task = task_of(self.model.targets)

    def __len__(self) -> int:
        return sum(map(len, self.samples))

    def __iter__(self) -> Iterator[Answer]:
        """The answers in the order of the samples; one with an `error` for each that cannot be read.

        Raises `UserError` if no sample of the first batch fits the network: then none is likely to.
        """
        batches = ahead(self._batches(), WAITING)
        try:
            for batch in batches:
                answers = self._answers(batch)
                for place, answer in enumerate(answers):
                    self.done += 1
                    self.bad += bool(answer.error)
                    self.left = len(answers) - 1 - place
                    yield answer
        finally:
            batches.close()  # type: ignore[attr-defined]  # a generator: its thread ends

    @property
    def measured(self) -> dict[str, float]:
        """The task's metrics, of the samples whose right answer is known; {} if there are none."""
        return metric_values(self._totals) if self._totals else {}

    @property
    def kept(self) -> Mapping[str, Array]:
        """What the task keeps of the same samples, such as the confusion matrix."""
        return self._kept

    @property
    def size(self) -> int:
        """Samples a pass."""
        return self.model.batch or self.batch_size or min(BATCH, evaluation_batch(self.model.graph))

    def _batches(self) -> Iterator[list[_Read]]:
        batch: list[_Read] = []
        pixels = 0
        for read in self._read():
            batch.append(read)
            pixels += 0 if read.picture is None else read.picture.shape[0] * read.picture.shape[1]
            if len(batch) == self.size or pixels >= PIXELS:
                yield batch
                batch, pixels = [], 0
        if batch:
            yield batch

    def _read(self) -> Iterator[_Read]:
        places = chain.from_iterable(((samples, i) for i in range(len(samples))) for samples in self.samples)
        for place, (samples, i) in enumerate(places):
            read = _Read(place, samples.names[i], samples.keys[i])
            try:
                image = samples.images[i]
                truth = self._truth(samples, i, image)
            except BadImageError as error:
                yield replace(read, error=str(error))
                continue
            try:
                sample = self.preparation(image)
            except UserError as error:
                yield replace(read, misfit=error)
                continue
            size = (int(image.shape[0]), int(image.shape[1])) if image.ndim == 3 else (1, len(image))
            yield replace(read, sample=sample, size=size, truth=truth, picture=self._picture(image))

    def _truth(self, samples: Samples, place: int, image: Image) -> Array | None:
        """The right answer as metrics take it; None where it is not known."""
        if samples.truths is None:
            return None
        truth = np.asarray(samples.truths[place])
        if truth.ndim == 0:
            return None if truth == UNKNOWN else truth
        if self.model.task == "regression":
            return truth
        (height, width), (h, w) = image.shape[:2], truth.shape[-2:]
        if (height, width) != (h, w):
            raise BadImageError(f"{samples.names[place]} is {height}x{width} (height x width), but its mask {h}x{w}")
        return truth.astype(np.int64) if self.model.targets.integer else as_float(truth)

    def _picture(self, image: Image) -> Pixels | None:
        if image.ndim == 1:
            return None
        if self.model.task == "segmentation" and image.dtype == np.uint8:
            return image
        low, high = (0.0, 1.0) if image.dtype == np.uint8 else (float(image.min()), float(image.max()))
        drawn = picture(image, low, high if high > low else low + 1)
        if self.model.task != "segmentation" and max(drawn.size) > THUMBNAIL:
            drawn = fitted(drawn, THUMBNAIL)
        return np.asarray(drawn)

    def _answers(self, batch: list[_Read]) -> list[Answer]:
        """Of one batch, in its order."""
        good = [(read, read.sample) for read in batch if read.sample is not None]
        if not good and self.done == self.bad:
            for read in batch:
                if read.misfit is not None:
                    raise _of_sample(read.name, read.misfit)
        every: list[Array] = []
        if good:
            x = np.stack([sample.x for _, sample in good])
            every = [outputs(predictor, x) for predictor in self.predictors.values()]
            if self.model.task != "segmentation":  # some networks put out images of one pixel
                every = [output.reshape(len(x), -1) for output in every]
            self.agreement.add(every, ranked=self.model.task == "classification")
        answers = {
            read.place: Answer(
                read.name,
                read.key,
                read.place,
                self._values(output, read, sample),
                output,
                read.truth,
                read.picture,
                x=sample.x if self.keep_x else None,
            )
            for (read, sample), output in zip(good, every[0] if every else (), strict=True)
        }
        self._measure([answer for answer in answers.values() if answer.truth is not None])
        return [answers.get(read.place) or _without_answer(read) for read in batch]

    def _values(self, output: Array, read: _Read, sample: Sample) -> Array:
        values: Array = self.model.probabilities(output[None])[0]
        if self.model.task != "segmentation":
            return values
        if self.stretch:
            values = (values - values.min()) / max(float(values.max() - values.min()), 1e-12)
        if len(values) == 1:
            return laid_back(values, sample.box, read.size)
        best, answer = np.full(read.size, -np.inf, np.float32), np.zeros(read.size, np.int64)
        for place, plane in enumerate(values):  # class by class: all of them at full size would take much memory
            large = laid_back(plane[None], sample.box, read.size)[0]
            higher = large > best
            best[higher], answer[higher] = large[higher], place
        return answer

    def _measure(self, answers: Sequence[Answer]) -> None:
        """Count answers whose truth is known: together, or one by one where images, and so masks, differ in size."""
        pairs = [(answer.values, answer.truth) for answer in answers if answer.truth is not None]
        alone = self.model.task == "segmentation"
        for part in [[pair] for pair in pairs] if alone else [pairs] if pairs else []:
            prediction, truth = (np.stack(arrays) for arrays in zip(*part, strict=True))
            if alone:
                prediction = as_scores(prediction, len(self.model.classes))
            add(self._totals, self.task.metrics, prediction, truth)
            kept = self.task.kept(prediction, truth)
            self._kept = self.task.joined(self._kept, kept) if self._kept else kept


def as_scores(masks: Array, classes: int) -> Array:
    """Masks of class indices (n, H, W) as metrics take predictions, (n, classes, H, W); others as they are."""
    return np.arange(classes)[:, None, None] == masks[:, None] if classes else masks


def _of_sample(name: str, error: UserError) -> UserError:
    """The same error, beginning with the name of the sample."""
    if isinstance(error, OptionError):
        return OptionError("{}: " + error.sentence, name, *error.values)
    return type(error)(f"{name}: {error}")


def _without_answer(read: _Read) -> Answer:
    nothing = np.empty(0, np.float32)
    error = read.error if read.misfit is None else str(_of_sample(read.name, read.misfit))
    return Answer(read.name, read.key, read.place, nothing, nothing, error=error)
