"""Which samples are used, and which partition each belongs to: `--select` and `--split`."""

import math
import re

import numpy as np
import numpy.typing as npt

from backproof.data.seeds import SPLIT, generator
from backproof.errors import DataError, OptionError

Indices = npt.NDArray[np.int64]


def parse_select(text: str) -> tuple[range, ...]:
    """The ranges that `--select` names: "1,3,5-8" -> 1..1, 3..3, 5..8 (ends included)."""
    ranges = []
    for part in text.replace(" ", "").split(",") if text.strip() else ():
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise OptionError("{select}: '{}' in '{}' is neither a number nor a range such as 5-8", part, text)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise OptionError("{select}: the range {} runs backwards; write {}-{}", part, last, first)
        ranges.append(range(first, last + 1))
    return tuple(ranges)


def selected(text: str, samples: int) -> Indices:
    """The sample numbers that `--select` keeps of a dataset of so many `samples`, sorted, each once."""
    ranges = parse_select(text)
    for part in ranges:
        if part[-1] >= samples:
            raise OptionError("{select} names sample {}, but the samples are numbered 0 to {}", part[-1], samples - 1)
    if not ranges:
        return np.arange(samples)
    return np.unique(np.concatenate([np.arange(part.start, part.stop) for part in ranges]))


def is_fractions(split: tuple[float, ...]) -> bool:
    """Values that add up to 1 or less are fractions, others are whole numbers of samples."""
    return sum(split) <= 1 + 1e-9


def check_split(split: tuple[float, ...]) -> None:
    """Raise `UserError` unless `split` is one to three fractions or whole numbers, the first more than 0."""
    given = _text(split)
    if not 1 <= len(split) <= 3:
        raise OptionError("{split} has {} values; give train, dev and test, such as 0.7,0.15,0.15", len(split))
    if not all(math.isfinite(value) and value >= 0 for value in split) or split[0] == 0:
        raise OptionError("{split} is {}; values must be 0 or more, and the first more than 0", given)
    if not is_fractions(split) and any(value != int(value) for value in split):
        raise OptionError("{split} is {}; give fractions that add up to 1 or less, or whole numbers of samples", given)


def partition_sizes(split: tuple[float, ...], samples: int) -> tuple[int, ...]:
    """How many of so many `samples` each value of `split` stands for; fractions by largest remainder."""
    if not is_fractions(split):
        sizes = tuple(int(value) for value in split)
        if sum(sizes) > samples:
            raise OptionError("{split:{}} asks for {} samples, but there are {}", _text(split), sum(sizes), samples)
        return sizes
    exact = np.array([*split, max(0.0, 1 - sum(split))]) * samples
    sizes_ = np.floor(exact + 1e-6).astype(int)
    largest_remainders = np.argsort(sizes_ - exact, kind="stable")
    sizes_[largest_remainders[: samples - sizes_.sum()]] += 1
    return tuple(int(size) for size in sizes_[:-1])


def check_classes(labels: Indices, classes: tuple[str, ...], split: tuple[float, ...]) -> None:
    """Raise `UserError` where there is one class only, or a class has fewer samples than partitions."""
    present, counts = np.unique(labels, return_counts=True)
    if len(present) == 1:
        raise DataError(f"there is only one class, '{classes[present[0]]}'; a classifier needs two or more")
    wanted, fewest = sum(value > 0 for value in split), int(counts.min())
    if fewest < wanted:
        samples = "1 sample" if fewest == 1 else f"{fewest} samples"
        name = classes[present[counts.argmin()]]
        raise OptionError("class '{}' has {}, fewer than the {} partitions of {split}", name, samples, wanted)


def shuffled(samples: int, sizes: tuple[int, ...], seed: int) -> list[Indices]:
    """Divide so many samples, in random order, into partitions of these `sizes`; returns their positions."""
    order = generator(seed, SPLIT).permutation(samples)
    return np.split(order, np.cumsum(sizes))[: len(sizes)]


def stratified(labels: Indices, sizes: tuple[int, ...], seed: int) -> list[Indices]:
    """Divide samples into partitions of exactly these `sizes`, each with the classes in their proportions.

    Each class is shuffled and its samples are given the evenly spaced ranks (j + u) / n, with one random u a
    class; the samples in order of rank then fill one partition after the other. A class that a partition misses
    is swapped in, where that partition is large enough to hold every class.

    Every class has at least as many samples as there are partitions, see `check_classes`.
    Returns the positions in `labels`, (size,) int64, in random order, one array a partition.
    """
    present, counts = np.unique(labels, return_counts=True)
    random = generator(seed, SPLIT)
    members = [random.permutation(np.flatnonzero(labels == label)) for label in present]
    ranks = np.concatenate([(np.arange(n) + random.random()) / n for n in counts])
    of_class = np.repeat(np.arange(len(present)), counts)[np.argsort(ranks, kind="stable")]

    shares = np.zeros((len(present), len(sizes) + 1), dtype=np.int64)  # [class, partition], the rest last
    ends = np.cumsum((0, *sizes, len(labels) - sum(sizes)))
    for partition in range(len(sizes) + 1):
        block = of_class[ends[partition] : ends[partition + 1]]
        shares[:, partition] = np.bincount(block, minlength=len(present))
    _swap_in_missing_classes(shares, sizes)

    parts = [np.split(m, np.cumsum(share)[:-1]) for m, share in zip(members, shares, strict=True)]
    return [random.permutation(np.concatenate([part[p] for part in parts])) for p in range(len(sizes))]


def _swap_in_missing_classes(shares: Indices, sizes: tuple[int, ...]) -> None:
    """Give every partition of K or more samples one of each of the K classes, keeping all sums."""
    for partition, size in enumerate(sizes):
        if size < len(shares):
            continue
        for missing in np.flatnonzero(shares[:, partition] == 0):
            # From the samples of no partition, or else from a partition that has two or more of the class: there
            # is one, as a class has no fewer samples than there are partitions.
            donor = -1 if shares[missing, -1] else shares[missing].argmax()
            plenty = shares[:, partition].argmax()
            shares[missing, partition] += 1
            shares[missing, donor] -= 1
            shares[plenty, partition] -= 1
            shares[plenty, donor] += 1


def _text(split: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in split)
