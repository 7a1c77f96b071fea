import logging
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from backproof.data import DataOptions, PreprocessingOptions, load, loading
from backproof.errors import UserError

PLAIN = PreprocessingOptions()
SMALL = PreprocessingOptions(grayscale=True, resize=(4, 4), flatten=True)


@pytest.fixture(autouse=True)
def _nothing_in_memory():
    loading._latest.clear()


def cache_files(tmp_path):
    return sorted((tmp_path / "datasets" / ".cache").iterdir())


def same(one, other):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(one, other, strict=True)
        for name in ("x", "y", "ids")
    )


def test_arrays_have_the_promised_types(pets, options):
    parts = load(options(), SMALL)
    for part, size in zip(parts, (14, 3, 3), strict=True):
        assert part.x.shape == (size, 16)
        assert (part.x.dtype, part.y.dtype, part.ids.dtype) == (np.float32, np.int64, np.int64)
        assert part.image_shape == (1, 4, 4)
    assert parts.classes == ("cat", "dog")
    assert sorted(np.concatenate([part.ids for part in parts])) == list(range(20))


def test_pixels_go_from_0_to_1(pets, options):
    part = load(options(), PLAIN).train
    files = sorted(pets.rglob("*.png"))
    for x, i in zip(part.x, part.ids, strict=True):
        assert np.array_equal(x, np.moveaxis(np.asarray(Image.open(files[i])) / np.float32(255), 2, 0))


def test_an_empty_partition_has_no_rows(pets, options):
    parts = load(options(split=(0.5, 0.5)), SMALL)
    assert parts.test.x.shape == (0, 16)
    assert len(parts.test) == 0


def test_select_keeps_ids(pets, options):
    parts = load(options(select="1,3,10-12", split=(1.0,)), PLAIN)
    assert sorted(parts.train.ids) == [1, 3, 10, 11, 12]
    assert parts.classes == ("cat", "dog")
    with pytest.raises(UserError, match="only one class, 'cat'"):
        load(options(select="1-5"), PLAIN)


def test_the_fingerprint_follows_files_steps_and_split(pets, options, tmp_path):
    prints = {
        load(data, steps).fingerprint
        for data in (options(), options(data_seed=1), options(split=(0.5, 0.5)), options(select="0-18"))
        for steps in (PLAIN, SMALL)
    }
    assert len(prints) == 8
    pets.rename(tmp_path / "elsewhere")
    assert load(options(tmp_path / "elsewhere"), PLAIN).fingerprint in prints
    Image.new("RGB", (8, 6)).save(tmp_path / "elsewhere" / "cat" / "0.png")
    assert load(options(tmp_path / "elsewhere"), PLAIN).fingerprint not in prints


def test_the_last_dataset_stays_in_memory_until_its_files_change(pets, options):
    first = load(options(), PLAIN)
    assert load(options(), PLAIN) is first
    Image.new("RGB", (8, 6)).save(pets / "cat" / "0.png")
    assert load(options(), PLAIN) is not first


def test_the_cache_gives_the_same_and_spares_the_work(pets, options, tmp_path, monkeypatch):
    first = load(options(), SMALL)
    assert len(cache_files(tmp_path)) == 1
    loading._latest.clear()
    monkeypatch.setattr(loading, "preprocess", None)  # the cache must do without
    assert same(load(options(), SMALL), first)
    other_split = load(options(split=(0.5, 0.5)), SMALL)
    assert [len(part) for part in other_split] == [10, 10, 0]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "not a zip", "empty"])
def test_a_damaged_or_foreign_cache_file_is_made_again(pets, options, tmp_path, damage):
    first = load(options(), SMALL)
    loading._latest.clear()
    (path,) = cache_files(tmp_path)
    whole = path.read_bytes()
    if damage == "foreign":
        load(options(), PLAIN)
        other = next(p for p in cache_files(tmp_path) if p != path)
        other.replace(path)
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
        contents = {"truncated": whole[:middle], "flipped": flipped, "not a zip": b"hello", "empty": b""}
        path.write_bytes(contents[damage])
    assert same(load(options(), SMALL), first)
    assert path.stat().st_size == len(whole)
    assert cache_files(tmp_path) == [path]


def test_cache_off_writes_nothing(pets, options, tmp_path):
    load(options(cache_dir="off"), SMALL)
    assert not (tmp_path / "datasets" / ".cache").exists()


def test_the_cache_can_lie_elsewhere(pets, options, tmp_path):
    load(options(cache_dir=str(tmp_path / "kept")), SMALL)
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_a_cache_that_cannot_be_written_warns_and_goes_on(pets, options, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with caplog.at_level(logging.WARNING):
        parts = load(options(cache_dir=str(blocked)), SMALL)
    assert len(parts.train) == 14
    assert "cannot keep preprocessed data" in caplog.text


def test_steps_on_arrays_are_cached_too(options, tmp_path):
    with_steps = PreprocessingOptions(resize=(4, 4))
    first = load(options("digits"), with_steps)
    loading._latest.clear()
    assert len(cache_files(tmp_path)) == 1
    assert same(load(options("digits"), with_steps), first)


def test_an_error_in_a_step_names_the_file(tmp_path, options):
    (tmp_path / "datasets").mkdir()
    np.savez(tmp_path / "datasets" / "wide.npz", x=np.full((10, 2, 2), 5.0), y=np.tile([0, 1], 5))
    with pytest.raises(UserError, match="sample 0: adaptive_invert needs values of 0 to 1"):
        load(options("wide"), PreprocessingOptions(adaptive_invert=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digit", "unknown dataset 'digit'; did you mean digits"),
        ("pet", "did you mean pets"),
        ("no/such/folder", "dataset=no/such/folder: there is no such file or folder"),
    ],
)
def test_an_unknown_dataset_offers_the_nearest(pets, options, name, message):
    with pytest.raises(UserError, match=message):
        load(options(name), PLAIN)


def test_a_file_of_another_kind_is_refused(tmp_path, options):
    (tmp_path / "table.csv").write_text("1,2")
    with pytest.raises(UserError, match=r"table.csv is no dataset: expected a folder"):
        load(options(tmp_path / "table.csv"), PLAIN)


def test_bad_data_options_are_refused():
    with pytest.raises(UserError, match=r"^data_seed is -1"):
        DataOptions(data_seed=-1)
    with pytest.raises(UserError, match=r"^dataset is empty"):
        replace(DataOptions(), dataset="")
