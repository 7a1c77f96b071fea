import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.data import AugmentationOptions, Batches, BatchSizes, Partition, in_order
from backproof.errors import UserError

PLAIN = AugmentationOptions()
ALL = AugmentationOptions(clone=2, rotate=20, crop=1, noise=0.1)


def partition(samples: int, flat: bool = True) -> Partition:
    random = np.random.default_rng(7)
    x = random.random((samples, 1, 5, 4), dtype=np.float32)
    ids = random.permutation(1000)[:samples]
    return Partition(x.reshape(samples, 20) if flat else x, ids % 3, ids, (1, 5, 4))


def collect(batches, epoch, first_batch=0):
    """Copies of the batches: each is valid only until the next one."""
    return [(b.x.copy(), b.y.copy(), b.ids.copy()) for b in batches.epoch(epoch, first_batch)]


KEEPING = st.sampled_from(["keep", "even"])
LAST_BATCH = KEEPING | st.just("drop")


@given(st.integers(1, 40), st.none() | st.integers(1, 50), st.integers(1, 3), st.integers(1, 5), KEEPING)
def test_every_sample_comes_exactly_so_often_an_epoch(samples, size, clone, epoch, last_batch):
    part = partition(samples)
    clones = AugmentationOptions(clone=clone)
    batches = Batches(part, batch_size=size, last_batch=last_batch, augmentation=clones, data_seed=3)
    seen = collect(batches, epoch)
    assert len(seen) == batches.batches_per_epoch
    assert sum(len(y) for _, y, _ in seen) == batches.samples_per_epoch == samples * clone
    x, y, ids = (np.concatenate(column) for column in zip(*seen, strict=True))
    assert sorted(ids) == sorted(np.repeat(part.ids, clone))
    row = {int(i): k for k, i in enumerate(part.ids)}
    rows = [row[int(i)] for i in ids]
    assert np.array_equal(x, part.x[rows])
    assert np.array_equal(y, part.y[rows])
    sizes = [len(y) for _, y, _ in seen]
    full = min(size or samples * clone, samples * clone)
    assert max(sizes) <= full
    if last_batch == "keep":
        assert set(sizes[:-1]) <= {full}
    else:
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] - sizes[-1] <= 1
        assert len(sizes) == -(-samples * clone // full)


@given(st.integers(1, 40), st.integers(1, 50), st.integers(1, 3))
def test_dropped_samples_are_fewer_than_a_batch_and_others_in_each_epoch(samples, size, clone):
    clones = AugmentationOptions(clone=clone)
    dropping = Batches(partition(samples), batch_size=size, last_batch="drop", augmentation=clones, data_seed=3)
    keeping = Batches(partition(samples), batch_size=size, augmentation=clones, data_seed=3)
    full = min(size, samples * clone)
    for epoch in (1, 2, 3):
        found, whole = collect(dropping, epoch), collect(keeping, epoch)
        assert len(found) == dropping.batches_per_epoch == samples * clone // full
        assert sum(len(y) for _, y, _ in found) == dropping.samples_per_epoch
        assert {len(y) for _, y, _ in found} == {full}
        for one, other in zip(found, whole, strict=False):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        assert sum(len(y) for _, y, _ in whole[len(found) :]) < full


def test_every_sample_has_its_turn_where_some_are_dropped():
    part = partition(40)
    batches = Batches(part, batch_size=9, last_batch="drop", augmentation=PLAIN, data_seed=0)
    left_out = [set(part.ids) - {i for _, _, ids in collect(batches, epoch) for i in ids} for epoch in range(1, 31)]
    assert {len(left) for left in left_out} == {4}
    assert len(set(map(frozenset, left_out))) == 30
    assert len(set().union(*left_out)) == 40 - 1, "in 30 epochs all but one were left out once, and none always"


@given(st.integers(0, 200), st.none() | st.integers(1, 210), LAST_BATCH)
def test_sizes_are_those_of_the_batches(samples, wanted, last_batch):
    sizes = BatchSizes(samples, wanted, last_batch)
    each = [sizes.before(batch + 1) - sizes.before(batch) for batch in range(sizes.count)]
    assert sum(each) == sizes.used == samples - (samples % sizes.size if last_batch == "drop" and samples else 0)
    assert sizes.before(sizes.count + 3) == sizes.used
    assert (sizes.first, sizes.last) == ((each[0], each[-1]) if each else (0, 0))
    assert all(size >= 1 for size in each)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (BatchSizes(1258, 64), "1,258 samples in 20 batches of 64, the last of 42"),
        (BatchSizes(1258, 64, "even"), "1,258 samples in 20 batches of 63 or 62"),
        (
            BatchSizes(1258, 64, "drop"),
            "1,216 samples in 19 batches of 64; 42 others are left out, drawn anew in each epoch",
        ),
        (BatchSizes(1280, 64, "drop"), "1,280 samples in 20 batches of 64"),
        (BatchSizes(10, None), "10 samples in 1 batch of 10"),
    ],
)
def test_sizes_in_words(sizes, words):
    assert str(sizes) == words


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 30), LAST_BATCH)
def test_resuming_inside_an_epoch_gives_the_same_batches(samples, size, first, last_batch):
    batches = Batches(partition(samples), batch_size=size, last_batch=last_batch, augmentation=ALL, data_seed=0)
    whole = collect(batches, 2)
    again = Batches(partition(samples), batch_size=size, last_batch=last_batch, augmentation=ALL, data_seed=0)
    rest = collect(again, 2, min(first, len(whole)))
    for one, other in zip(whole[min(first, len(whole)) :], rest, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@given(st.integers(1, 20), st.integers(1, 25), st.integers(1, 25))
def test_augmentation_does_not_depend_on_the_batch_size(samples, size, other_size):
    def by_sample(size):
        batches = Batches(partition(samples), batch_size=size, augmentation=ALL, data_seed=5)
        return {(int(i), x.tobytes()) for xs, _, ids in collect(batches, 1) for x, i in zip(xs, ids, strict=True)}

    assert by_sample(size) == by_sample(other_size)


def test_flattened_and_whole_images_are_augmented_alike():
    flat = Batches(partition(9), batch_size=4, augmentation=ALL, data_seed=1)
    whole = Batches(partition(9, flat=False), batch_size=4, augmentation=ALL, data_seed=1)
    for (x, _, _), (images, _, _) in zip(collect(flat, 1), collect(whole, 1), strict=True):
        assert np.array_equal(x, images.reshape(len(x), -1))


def test_clones_and_epochs_are_augmented_by_themselves():
    batches = Batches(partition(6), batch_size=None, augmentation=ALL, data_seed=1)
    first, second = collect(batches, 1)[0][0], collect(batches, 2)[0][0]
    assert len({row.tobytes() for row in np.concatenate([first, second])}) == 24


def test_the_order_comes_from_seed_and_epoch():
    def ids(seed, epoch):
        return collect(Batches(partition(50), batch_size=50, augmentation=PLAIN, data_seed=seed), epoch)[0][2].tolist()

    assert ids(0, 1) == ids(0, 1)
    assert ids(0, 1) != ids(0, 2)
    assert ids(0, 1) != ids(1, 1)


def test_the_partition_itself_is_never_changed():
    part = partition(10)
    before = part.x.copy()
    collect(Batches(part, batch_size=3, augmentation=ALL, data_seed=0), 1)
    assert np.array_equal(part.x, before)


def test_float64_batches_hold_the_float32_values():
    single = Batches(partition(10), batch_size=4, augmentation=ALL, data_seed=0)
    double = Batches(partition(10), batch_size=4, augmentation=ALL, data_seed=0, dtype=np.float64)
    for (x, _, _), (wide, _, _) in zip(collect(single, 1), collect(double, 1), strict=True):
        assert x.dtype == np.float32
        assert wide.dtype == np.float64
        assert np.array_equal(wide, x)


def test_plain_batches_reuse_their_buffer():
    pointers = {b.x.ctypes.data for b in Batches(partition(10), batch_size=3, augmentation=PLAIN, data_seed=0).epoch(1)}
    assert len(pointers) == 1


def test_evaluation_goes_in_order_without_copies():
    part = partition(10)
    batches = list(in_order(part, 4))
    assert [len(b.y) for b in batches] == [4, 4, 2]
    assert np.array_equal(np.concatenate([b.ids for b in batches]), part.ids)
    assert all(np.shares_memory(b.x, part.x) for b in batches)


def test_an_empty_partition_has_no_batches():
    batches = Batches(partition(0), batch_size=4, augmentation=PLAIN, data_seed=0)
    assert batches.batches_per_epoch == 0
    assert collect(batches, 1) == []
    assert list(in_order(partition(0), 4)) == []


def test_a_bad_batch_size_is_refused():
    with pytest.raises(UserError, match="batch_size is 0; it must be 1 or more, or full"):
        Batches(partition(3), batch_size=0, augmentation=PLAIN, data_seed=0)
    with pytest.raises(UserError, match="last_batch is 'evn'; did you mean even"):
        Batches(partition(3), batch_size=2, last_batch="evn", augmentation=PLAIN, data_seed=0)
