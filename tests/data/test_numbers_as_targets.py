"""Targets that are numbers: arrays, tables beside images, and the datasets that have them."""

import numpy as np
import pytest
from PIL import Image

from backproof.data import (
    AugmentationOptions,
    Batches,
    PreprocessingOptions,
    Source,
    TargetSpec,
    contact_sheet,
    describe,
    dump_batches,
    load,
)
from backproof.errors import UserError

PLAIN = PreprocessingOptions()


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        (tmp_path / "datasets").mkdir(exist_ok=True)
        np.savez(tmp_path / "datasets" / "some.npz", **arrays)

    return write


def test_floats_are_numbers(npz, options):
    y = np.arange(40) / 7
    npz(x=np.zeros((40, 2)), y=y)
    parts = load(options("some"), PLAIN)
    assert parts.targets == TargetSpec("number", ("y",), (1,), integer=False)
    assert parts.classes == ()
    assert parts.train.y.dtype == np.float32
    assert [part.y.shape for part in parts] == [(28, 1), (6, 1), (6, 1)]
    for part in parts:
        assert np.array_equal(part.y[:, 0], y[part.ids].astype(np.float32))
    everyone = np.concatenate([part.ids for part in parts])
    assert sorted(everyone) == list(range(40))
    assert not np.array_equal(everyone, np.arange(40))
    assert np.array_equal(load(options("some", data_seed=1), PLAIN).train.ids, parts.train.ids) is False


def test_several_numbers_have_names(npz, options):
    y = np.random.default_rng(0).normal(size=(40, 2))
    npz(x=np.zeros((40, 2)), y=y)
    assert load(options("some"), PLAIN).targets.names == ("y0", "y1")
    npz(x=np.zeros((40, 2)), y=y, names=["width", "height"])
    assert load(options("some"), PLAIN).targets == TargetSpec("number", ("width", "height"), (2,), integer=False)


def test_test_arrays_are_the_test_partition(npz, options):
    npz(x=np.zeros((40, 2)), y=np.zeros(40), x_test=np.ones((6, 2)), y_test=np.ones(6, np.float32))
    parts = load(options("some", split=(20, 10, 4)), PLAIN)
    assert [(len(part), part.y.mean()) for part in parts] == [(20, 0), (10, 0), (4, 1)]
    assert (parts.test.x == 1).all()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": [0.0, np.nan, 1, np.inf]}, r"y holds NaN or infinite .* in 2 samples, the first is sample 1"),
        (
            {"y": [0.0, 1e300, 1, 2]},
            r"y holds NaN or infinite values \(as float32\) in 1 sample, the first",
        ),
        ({"y": np.zeros((4, 2)), "names": ["a"]}, "y has 2 numbers a sample, but there are 1 names"),
        ({"y": np.zeros((4, 2)), "names": ["a", "a"]}, "the name 'a' is there twice"),
        ({"y": np.zeros((4, 2)), "names": [1, 2]}, r"names has shape \(2,\) and type int64; expected \(K,\) strings"),
        ({"y": np.zeros(4), "classes": ["a"]}, "y are floats, so 'classes' would not be used; leave it out"),
        ({"y": np.arange(4), "names": ["a"]}, "y are whole numbers, so 'names' would not be used"),
        ({"y": np.zeros((4, 0))}, r"y has shape \(4, 0\)"),
        ({"y": np.zeros((4, 2), int)}, r"y has shape \(4, 2\) and type int64; expected classes"),
        ({"y": np.array([["a"]] * 4)}, r"y has shape \(4, 1\) and type <U1; expected"),
        ({"y": np.zeros(4), "x_test": np.zeros((1, 2)), "y_test": [1]}, "y are floats, those of y_test whole numbers"),
        ({"y": np.zeros(()), "x": np.zeros((0, 2))}, r"y has shape \(\)"),
        ({"y": np.zeros(0), "x": np.zeros((0, 2))}, "empty"),
    ],
)
def test_numbers_that_do_not_fit_are_named(npz, options, arrays, message):
    npz(**({"x": np.zeros((4, 2))} | arrays))
    with pytest.raises(UserError, match=message):
        load(options("some"), PLAIN)


def test_diabetes_is_scikit_learns(options):
    from sklearn.datasets import load_diabetes

    found = load_diabetes()
    parts = load(options("diabetes"), PLAIN)
    assert [part.x.shape for part in parts] == [(310, 10), (66, 10), (66, 10)]
    assert np.allclose(parts.train.y[:, 0] * 100, found.target[parts.train.ids])
    assert np.allclose(parts.train.x / np.sqrt(442), found.data[parts.train.ids], atol=1e-6)
    whole = np.concatenate([part.x for part in parts])
    assert np.allclose(whole.mean(0), 0, atol=1e-5)
    assert np.allclose(whole.std(0), 1, atol=1e-5)


def test_rotated_digits_are_turned_by_what_they_say(options):
    from PIL import Image as Pillow

    parts = load(options("rotated_digits", split=(1.0,)), PLAIN)
    assert parts.train.x.shape == (1797, 1, 16, 16)
    assert (parts.train.x.min(), parts.train.x.max()) == (0, 1)
    y = parts.train.y[:, 0]
    assert abs(y).max() <= 1
    assert np.histogram(y, 4, (-1, 1))[0].min() > 400
    # Turned back by what y says, the pictures of each digit are more alike than as they are.
    digits = load(options("digits", split=(1.0,)), PLAIN).train
    label = dict(zip(digits.ids.tolist(), digits.y.tolist(), strict=True))
    for name in range(3):
        rows = [row for row, i in enumerate(parts.train.ids.tolist()) if label[i] == name]
        turned = parts.train.x[rows, 0]
        back = [np.asarray(Pillow.fromarray(x).rotate(-45 * y[r], 2)) for x, r in zip(turned, rows, strict=True)]
        assert np.var(back, axis=0).sum() < 0.8 * np.var(turned, axis=0).sum()


@pytest.fixture
def table(tmp_path):
    """Twelve gray pictures, and a table of how light and how wide each is."""
    folder = tmp_path / "datasets" / "lights"
    (folder / "deep").mkdir(parents=True)
    lines = ["file,light,width"]
    for i in range(12):
        name = f"deep/{i}.png" if i % 2 else f"{i}.png"
        Image.new("L", (6, 5), 20 * i).save(folder / name)
        lines.append(f"{name},{i / 4},{-i}")
    (folder / "targets.csv").write_text("\n".join(lines))
    return folder


def test_a_table_beside_images(table, options):
    parts = load(options("lights"), PLAIN)
    assert parts.targets == TargetSpec("number", ("light", "width"), (2,), integer=False)
    assert parts.image_shape == (1, 5, 6)
    for part in parts:
        i = np.rint(part.x[:, 0, 0, 0] * 255 / 20)
        assert np.array_equal(part.y, np.stack([i / 4, -i], axis=1))
    assert describe(options("lights")).kind == "table"
    before = parts.fingerprint
    (table / "targets.csv").write_text((table / "targets.csv").read_text().replace("-3", "-4"))
    assert load(options("lights"), PLAIN).fingerprint != before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2.png", "none.png", r"targets.csv, line 4: there is no file .*lights/none.png"),
        ("2.png", "0.png", r"targets.csv, line 4: 0.png is there already, in line 2"),
        ("2.png,0.5", "2.png,half", r"targets.csv, line 4: 'half' is no finite number"),
        ("2.png,0.5", "2.png,nan", r"targets.csv, line 4: 'nan' is no finite number"),
        ("2.png,0.5", "2.png,0.5,1", r"targets.csv, line 4: 4 values, but the heading has 3"),
        ("file,light,width\n", "", r"targets.csv begins with '0.png,0.0,0'; expected a heading such as file,"),
        ("file,light,width", "file", r"targets.csv begins with 'file'; expected a heading such as file,"),
        ("light,width", "light,light", r"targets.csv has two columns 'light'"),
    ],
)
def test_what_does_not_fit_in_a_table_is_named(table, options, old, new, message):
    text = (table / "targets.csv").read_text()
    assert old in text
    (table / "targets.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        load(options("lights"), PLAIN)


def test_an_empty_table_is_refused(table, options):
    (table / "targets.csv").write_text("file,y\n")
    with pytest.raises(UserError, match=r"targets.csv is empty: it names no images"):
        load(options("lights"), PLAIN)
    (table / "targets.csv").write_text("")
    with pytest.raises(UserError, match=r"targets.csv is empty"):
        load(options("lights"), PLAIN)
    (table / "targets.csv").write_bytes(b"file,y\n\xff.png,1\n")
    with pytest.raises(UserError, match=r"targets.csv is not UTF-8"):
        load(options("lights"), PLAIN)


def test_numbers_are_described_and_drawn(table, options, tmp_path):
    summary = describe(options("lights"))
    assert summary.targets.names == ("light", "width")
    assert summary.counts == {}
    assert summary.table[0] == ("number", "least", "mean", "greatest", "standard deviation")
    assert summary.table[1] == ("light", "0", "1.375", "2.75", "0.863")
    contact_sheet(options("lights"), tmp_path / "sheet.png", per_class=4)
    grays = np.unique(np.asarray(Image.open(tmp_path / "sheet.png")))
    assert {20 * i for i in range(12)} <= set(grays.tolist())
    assert describe(options("diabetes")).table[1][0] == "progression in hundreds"


def test_dumped_batches_have_numbers_for_captions(table, options, tmp_path):
    parts = load(options("lights"), PLAIN)
    batch = next(Batches(parts.train, batch_size=None, augmentation=AugmentationOptions(), data_seed=0).epoch(1))
    assert parts.targets.caption(np.array([0.12345, -3])) == "0.123, -3"
    one = dump_batches(tmp_path, batch, 1, 1, parts.targets).read_bytes()
    batch.y[0] = 9
    assert dump_batches(tmp_path, batch, 1, 1, parts.targets).read_bytes() != one


def test_numbers_of_a_source_of_ones_own():
    source = Source.from_arrays("mine", np.zeros((3, 2)), np.array([0.5, 1, 2]), ("price",))
    assert source.targets == TargetSpec("number", ("price",), integer=False)
    other = Source.from_arrays("mine", np.zeros((3, 2)), np.array([0.5, 1, 3]), ("price",))
    assert source.content != other.content
