"""The way from options to partitions: find, preprocess (or take from the cache), divide."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backproof.data import cache, sources
from backproof.data.options import DataOptions, PreprocessingOptions
from backproof.data.partitions import Ids, Partitions, partitions_of, scaled
from backproof.data.preprocessed import Preprocessed, preprocess
from backproof.data.preprocessing import Step, steps_of
from backproof.data.sources import Source
from backproof.data.split import check_classes, is_fractions, partition_sizes, selected, shuffled, stratified
from backproof.data.targets import Targets
from backproof.errors import DataError, UserError

# Part of every key: raise it when the same files and steps begin to give other values.
VERSION = 2

# The dataset loaded last stays in memory: the experiments of one command mostly share it.
_latest: dict[tuple[str, str], Partitions] = {}


def load(data: DataOptions, preprocessing: PreprocessingOptions) -> Partitions:
    """Find the dataset, preprocess it and divide it.

    x is float32, (M, C, H, W), or (M, D) when flattened or when the dataset holds vectors. Equal options and files
    give equal arrays; asked again for what it loaded last, it returns the same arrays.

    Raises `UserError` for everything in the options or files that does not fit, naming it.
    """
    source = sources.find(data.dataset, data.data_dir)
    steps = steps_of(preprocessing)
    wanted = selected(data.select, len(source))
    split = tuple(float(value) for value in data.split)
    fingerprint = _digest(
        source.content, steps, wanted.tobytes(), data.skip_bad_images, split, data.data_seed, preprocessing.flatten
    )
    if (fingerprint, source.where) in _latest:
        return _latest[fingerprint, source.where]
    _latest.clear()

    preprocessed = _preprocessed(data, source, wanted, steps)
    try:
        parts = divide(source, preprocessed.ids, data.split, data.data_seed)
    except UserError as error:
        raise DataError(f"dataset '{source.name}': {error}") from error

    rows = np.concatenate(parts)
    x = scaled(preprocessed.x, rows)
    image_shape = x.shape[1:] if x.ndim == 4 else ()
    if preprocessing.flatten:
        x = x.reshape(len(x), -1)
    ids = preprocessed.ids[rows]
    y = np.asarray(source.y)[ids] if preprocessed.masks is None else _masks(preprocessed.masks, source, rows)
    train, dev, test = partitions_of(x, y, ids, [len(part) for part in parts], image_shape)
    loaded = Partitions(
        name=source.name,
        targets=replace(source.targets, shape=y.shape[1:]),
        train=train,
        dev=dev,
        test=test,
        skipped=preprocessed.skipped,
        fingerprint=fingerprint,
        notes=source.notes,
    )
    _latest[fingerprint, source.where] = loaded
    return loaded


def divide(source: Source, ids: Ids, split: tuple[float, ...], data_seed: int) -> list[Ids]:
    """The positions in `ids` of the samples of train, dev and test, as `--split` says.

    Classes are in each partition in their proportions; other targets are shuffled.
    """
    nothing = np.empty(0, dtype=np.int64)
    labels = np.asarray(source.y)[ids] if source.targets.kind == "class" else None

    def divided(positions: Ids, shares: tuple[float, ...], check: bool = True) -> list[Ids]:
        if check and not len(positions):
            raise DataError("the dataset is empty: it has no samples")
        if labels is None:
            parts = shuffled(len(positions), partition_sizes(shares, len(positions)), data_seed)
        else:
            if check:
                check_classes(labels[positions], source.targets.names, shares)
            parts = stratified(labels[positions], partition_sizes(shares, len(positions)), data_seed)
        return [positions[part] for part in parts]

    if source.test_from is None:
        parts = divided(np.arange(len(ids)), split)
        return parts + [nothing] * (3 - len(parts))

    training, testing = np.flatnonzero(ids < source.test_from), np.flatnonzero(ids >= source.test_from)
    first, third = split[:2], split[2] if len(split) == 3 else 1.0
    if len(split) == 3 and is_fractions(split):  # 0.7, 0.15, 0.15 -> 0.7 and 0.15 of 0.85
        first = tuple(value / (1 - third) for value in first)
    parts = divided(training, first)
    parts += [nothing] * (2 - len(parts))
    if third == 0:
        testing = nothing
    elif len(split) == 3 and not is_fractions(split):
        (testing,) = divided(testing, (third,), check=False)
    return [*parts, testing]


def _masks(masks: npt.NDArray[Any], source: Source, rows: Ids) -> Targets:
    return masks[rows].astype(np.int64) if source.targets.integer else scaled(masks, rows)


def _preprocessed(data: DataOptions, source: Source, wanted: Ids, steps: tuple[Step, ...]) -> Preprocessed:
    """From the cache where it is there; a source that is an array already, and stays it, needs none."""
    at_once = isinstance(source.images, np.ndarray) and not steps
    if at_once or data.cache_dir == "off":
        return preprocess(source, wanted, steps, data.skip_bad_images)
    folder = Path(data.cache_dir) if data.cache_dir else Path(data.data_dir) / ".cache"
    key = _digest(source.content, steps, wanted.tobytes(), data.skip_bad_images)
    kept = cache.read(folder, key)
    if kept is None:
        kept = preprocess(source, wanted, steps, data.skip_bad_images)
        cache.write(folder, key, kept)
    return kept


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr((VERSION, *parts)).encode()).hexdigest()
