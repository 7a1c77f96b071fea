"""The way from options to partitions: find, preprocess (or take from the cache), divide."""

import hashlib
from pathlib import Path

import numpy as np

from backproof.data import cache, sources
from backproof.data.options import DataOptions, PreprocessingOptions
from backproof.data.partitions import Ids, Partitions, partitions_of, scaled
from backproof.data.prepare import Prepared, prepare
from backproof.data.preprocessing import Step, steps_of
from backproof.data.sources import Source
from backproof.data.split import check_classes, is_fractions, partition_sizes, selected, stratified
from backproof.errors import UserError

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

    prepared = _prepared(data, source, wanted, steps)
    try:
        parts = divide(source, prepared.ids, data.split, data.data_seed)
    except UserError as error:
        raise UserError(f"dataset '{source.name}': {error}") from error

    rows = np.concatenate(parts)
    x = scaled(prepared.x, rows)
    image_shape = x.shape[1:] if x.ndim == 4 else ()
    if preprocessing.flatten:
        x = x.reshape(len(x), -1)
    ids = prepared.ids[rows]
    train, dev, test = partitions_of(x, source.y[ids], ids, [len(part) for part in parts], image_shape)
    loaded = Partitions(
        name=source.name,
        targets=source.targets,
        train=train,
        dev=dev,
        test=test,
        skipped=prepared.skipped,
        fingerprint=fingerprint,
        notes=source.notes,
    )
    _latest[fingerprint, source.where] = loaded
    return loaded


def divide(source: Source, ids: Ids, split: tuple[float, ...], data_seed: int) -> list[Ids]:
    """The positions in `ids` of the samples of train, dev and test, as `--split` says."""
    labels = source.y[ids]
    nothing = np.empty(0, dtype=np.int64)
    if source.test_from is None:
        check_classes(labels, source.targets.names, split)
        parts = stratified(labels, partition_sizes(split, len(ids)), data_seed)
        return parts + [nothing] * (3 - len(parts))

    training, testing = np.flatnonzero(ids < source.test_from), np.flatnonzero(ids >= source.test_from)
    first, third = split[:2], split[2] if len(split) == 3 else 1.0
    if len(split) == 3 and is_fractions(split):  # 0.7, 0.15, 0.15 -> 0.7 and 0.15 of 0.85
        first = tuple(value / (1 - third) for value in first)
    check_classes(labels[training], source.targets.names, first)
    parts = [training[part] for part in stratified(labels[training], partition_sizes(first, len(training)), data_seed)]
    parts += [nothing] * (2 - len(parts))
    if third == 0:
        testing = nothing
    elif len(split) == 3 and not is_fractions(split):
        testing = testing[stratified(labels[testing], partition_sizes((third,), len(testing)), data_seed)[0]]
    return [*parts, testing]


def _prepared(data: DataOptions, source: Source, wanted: Ids, steps: tuple[Step, ...]) -> Prepared:
    """From the cache where it is there; a source that is an array already, and stays it, needs none."""
    at_once = isinstance(source.images, np.ndarray) and not steps
    if at_once or data.cache_dir == "off":
        return prepare(source, wanted, steps, data.skip_bad_images)
    folder = Path(data.cache_dir) if data.cache_dir else Path(data.data_dir) / ".cache"
    key = _digest(source.content, steps, wanted.tobytes(), data.skip_bad_images)
    kept = cache.read(folder, key)
    if kept is None:
        kept = prepare(source, wanted, steps, data.skip_bad_images)
        cache.write(folder, key, kept)
    return kept


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr((VERSION, *parts)).encode()).hexdigest()
