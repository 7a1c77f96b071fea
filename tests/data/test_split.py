import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.data import DataOptions, Source
from backproof.data.loading import divide
from backproof.data.split import check_classes, parse_select, partition_sizes, selected, stratified
from backproof.errors import UserError


@st.composite
def labels_and_sizes(draw):
    counts = draw(st.lists(st.integers(3, 40), min_size=2, max_size=8))
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(draw(st.integers(0, 99))).permutation(labels)
    train = draw(st.integers(1, len(labels)))
    dev = draw(st.integers(0, len(labels) - train))
    test = draw(st.integers(0, len(labels) - train - dev))
    return labels, (train, dev, test)


@given(labels_and_sizes(), st.integers(0, 1000))
def test_partitions_have_the_asked_sizes_and_share_no_sample(case, seed):
    labels, sizes = case
    parts = stratified(labels, sizes, seed)
    assert tuple(map(len, parts)) == sizes
    everything = np.concatenate(parts)
    assert len(np.unique(everything)) == len(everything)


@given(labels_and_sizes(), st.integers(0, 1000))
def test_partitions_keep_the_classes_proportions(case, seed):
    labels, sizes = case
    classes, counts = np.unique(labels, return_counts=True)
    for part, size in zip(stratified(labels, sizes, seed), sizes, strict=True):
        share = np.bincount(labels[part], minlength=len(classes))
        # Two boundaries, each off by one rank, plus what rounding the other classes moves, plus one swap a class.
        slack = 2 + 2 * len(classes) * counts / len(labels) + len(classes)
        assert (abs(share - counts * size / len(labels)) <= slack).all()
        if size >= len(classes):
            assert share.min() >= 1


def test_a_balanced_dataset_is_divided_evenly():
    labels = np.tile(np.arange(5), 200)
    train, dev, test = stratified(labels, (700, 150, 150), 0)
    assert set(np.bincount(labels[train])) <= {139, 140, 141}
    assert set(np.bincount(labels[dev])) <= {29, 30, 31}
    assert set(np.bincount(labels[test])) <= {29, 30, 31}


def test_the_split_depends_on_the_seed_alone():
    labels = np.tile(np.arange(4), 25)
    one, same, other = (stratified(labels, (70, 30), seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(np.sort(one), np.sort(other))


@given(st.integers(1, 10_000), st.lists(st.floats(0.01, 1), min_size=1, max_size=3))
def test_fractions_are_rounded_by_largest_remainder(samples, weights):
    split = tuple(weight / sum(weights) for weight in weights)
    sizes = partition_sizes(split, samples)
    assert sum(sizes) == samples
    assert all(abs(size - part * samples) < 1.001 for size, part in zip(sizes, split, strict=True))


def test_fractions_below_one_leave_samples_out():
    assert partition_sizes((0.1, 0.05), 1000) == (100, 50)


def test_whole_numbers_are_counts():
    assert partition_sizes((50000.0, 10000.0), 60000) == (50000, 10000)
    with pytest.raises(UserError, match=r"split=7,4 asks for 11 samples, but there are 10"):
        partition_sizes((7, 4), 10)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ((), "has 0 values"),
        ((0.4, 0.2, 0.2, 0.2), "has 4 values"),
        ((0.9, 0.2), "fractions that add up to 1 or less, or whole numbers"),
        ((0.0, 1.0), "the first more than 0"),
        ((-0.5, 0.5), "0 or more"),
        ((float("nan"),), "0 or more"),
        ((50.5, 10), "whole numbers"),
    ],
)
def test_a_bad_split_is_refused(split, message):
    with pytest.raises(UserError, match=message):
        DataOptions(split=split)


def test_a_class_with_too_few_samples_is_named():
    labels = np.array([0] * 9 + [1] * 2)
    with pytest.raises(UserError, match="class 'b' has 2 samples, fewer than the 3 partitions of split"):
        check_classes(labels, ("a", "b"), (0.7, 0.15, 0.15))
    check_classes(labels, ("a", "b"), (0.7, 0.3, 0.0))


def test_one_class_only_is_refused():
    with pytest.raises(UserError, match="only one class, 'b'"):
        check_classes(np.array([1, 1, 1]), ("a", "b"), (1.0,))


def test_no_samples_are_refused():
    with pytest.raises(UserError, match="empty"):
        divide(Source.from_arrays("none", np.zeros((0, 2)), np.array([], np.int64)), np.arange(0), (1.0,), 0)


@given(st.sets(st.integers(0, 200), min_size=1))
def test_select_keeps_exactly_what_it_names(wanted):
    assert selected(",".join(map(str, wanted)), 201).tolist() == sorted(wanted)


def test_select_takes_ranges_with_both_ends():
    assert selected("1, 3,5-8", 10).tolist() == [1, 3, 5, 6, 7, 8]
    assert selected("", 3).tolist() == [0, 1, 2]
    assert parse_select("5-5") == (range(5, 6),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,x", "'x' in '1,x' is neither a number nor a range"),
        ("1,,2", "'' in"),
        ("-3", "'-3'"),
        ("8-5", "runs backwards; write 5-8"),
    ],
)
def test_a_bad_select_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        DataOptions(select=text)


def test_a_select_beyond_the_end_is_refused():
    with pytest.raises(UserError, match="names sample 10, but the samples are numbered 0 to 9"):
        selected("3-10", 10)
