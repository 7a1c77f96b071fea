"""Adding a dataset or a format, as docs/how-to/add-a-dataset.md tells it."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backproof.data import (
    AugmentationOptions,
    Batches,
    PreprocessingOptions,
    Source,
    augmentation,
    augmentations,
    available,
    dataset,
    file_format,
    generated,
    load,
)
from backproof.data.sources import registry
from backproof.errors import UserError


@pytest.fixture(autouse=True)
def _registries_as_before():
    all_of_them = registry.DATASETS, registry.FORMATS, augmentations.AUGMENTATIONS
    before = [dict(each) for each in all_of_them]
    yield
    for each, old in zip(all_of_them, before, strict=True):
        each.clear()
        each.update(old)


def two_moons() -> Source:
    from sklearn.datasets import make_moons

    x, y = make_moons(200, noise=0.1, random_state=0)
    return Source.from_arrays("moons", x.astype(np.float32), y.astype(np.int64), names=("upper", "lower"))


def test_a_registered_dataset_is_found_by_name(options, tmp_path):
    dataset("moons", "200 points of two half circles")(two_moons)
    parts = load(options("moons"), PreprocessingOptions())
    assert parts.train.x.shape == (140, 2)
    assert parts.classes == ("upper", "lower")
    assert "moons" in [entry.name for entry in available(tmp_path)]


def test_what_begins_with_a_dot_is_a_path(pets, options, tmp_path, monkeypatch):
    here = tmp_path / "here"
    shutil.copytree(pets / "cat", here / "pets" / "a")
    shutil.copytree(pets / "dog", here / "pets" / "b")
    monkeypatch.chdir(here)
    for name, classes in (("pets", ("cat", "dog")), ("./pets", ("a", "b"))):
        assert load(options(name), PreprocessingOptions()).classes == classes
    monkeypatch.chdir(here / "pets")
    assert load(options("."), PreprocessingOptions()).classes == ("a", "b")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 300, "File name too long"),
        ("~no-such-user/x", "there is no such user's folder"),
        ("a/b", "no such file"),
    ],
)
def test_names_that_cannot_be(options, name, message):
    with pytest.raises(UserError, match=message):
        load(options(name), PreprocessingOptions())


@pytest.mark.parametrize(
    ("x", "y", "classes", "message"),
    [
        (np.zeros((4, 2, 2)), [0, 1, 0, 1], ("a", "b"), r"a sample of 'mine' has the shape \(2, 2\)"),
        (np.zeros((4, 0)), [0, 1, 0, 1], ("a", "b"), r"a sample of 'mine' has the shape \(0,\)"),
        (np.zeros((4, 2)), [0, 1, 0], ("a", "b"), r"4 samples, but y of the shape \(3,\)"),
        (np.zeros((4, 2)), [0, 1, 2, 1], ("a", "b"), "class indices 0 to 2, but there are 2 names of classes"),
        (np.zeros((4, 2)), [0, 1, 0, 1], ("a", "a"), "the name 'a' is there twice"),
    ],
)
def test_arrays_of_ones_own_must_fit(x, y, classes, message):
    with pytest.raises(UserError, match=message):
        Source.from_arrays("mine", x, np.array(y), classes)


def test_a_generated_dataset_is_written_once(options, tmp_path):
    calls = []

    @generated("gray", "dark and light")
    def gray(folder, seed):
        calls.append(seed)
        for name, value in (("dark", 40), ("light", 200)):
            (folder / name).mkdir()
            for i in range(5):
                Image.new("L", (4, 4), value + i).save(folder / name / f"{i}.png")

    for _ in range(2):
        assert load(options("gray"), PreprocessingOptions()).classes == ("dark", "light")
    assert calls == [0]
    assert (tmp_path / "datasets" / "gray" / "dark" / "0.png").exists()


def test_a_registered_format_is_recognised(options, tmp_path):
    @file_format("JSON", lambda path: path.suffix == ".json")
    def read_json(path):
        content = json.loads(path.read_text())
        x, y = np.array(content["x"], dtype=np.float32), np.array(content["y"])
        return Source.from_arrays(path.stem, x, y, ("a", "b"), kind="JSON", where=str(path))

    path = tmp_path / "points.json"
    path.write_text(json.dumps({"x": [[i, 0] for i in range(10)], "y": [0, 1] * 5}))
    assert load(options(path, split=(1.0,)), PreprocessingOptions()).train.x.shape == (10, 2)


def test_the_documents_examples_run(options, real_doc):
    """The blocks of docs/how-to/add-a-dataset.md, as they are written."""
    blocks = re.findall(r"```python\n(.*?)```", real_doc, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, {"__name__": "example"})
    assert load(options("moons"), PreprocessingOptions()).classes == ("upper", "lower")
    assert "gray" in registry.DATASETS
    train = load(options("digits", select="0-99"), PreprocessingOptions()).train
    given = AugmentationOptions(augment=("cutout,size=4",))
    batch = next(Batches(train, batch_size=None, augmentation=given, data_seed=0).epoch(1))
    darker = [(x == 0).sum() > (train.x[train.ids == i] == 0).sum() for x, i in zip(batch.x, batch.ids, strict=True)]
    assert np.mean(darker) > 0.9


OWN = """
import numpy as np
from backproof.data import Source, augmentation, generated

def moons():
    return Source.from_arrays("moons", np.eye(8, dtype=np.float32), np.arange(8) % 2)

def three():
    return 3

@generated("dots", "")
def dots(folder, seed):
    from PIL import Image

    for name in ("a", "b"):
        (folder / name).mkdir()
        for i in range(3):
            Image.new("L", (2, 2), i).save(folder / name / f"{i}.png")

def darker(image, random, by=None):
    return image - by

def broken():
    return {}["x"]
"""


def test_a_users_file_holds_datasets_and_augmentations(options, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(OWN)
    assert load(options(f"{own}:moons"), PreprocessingOptions()).name == "moons"
    train = load(options(f"{own}:dots", split=(1.0,)), PreprocessingOptions()).train
    assert (tmp_path / "datasets" / "dots" / "a" / "0.png").exists()
    given = AugmentationOptions(augment=(f"{own}:darker,by=2",))
    batch = next(Batches(train, batch_size=None, augmentation=given, data_seed=0).epoch(1))
    assert batch.x.mean() == pytest.approx(train.x.mean() - 2, abs=1e-6)
    with pytest.raises(UserError, match=r"unknown dataset of .*own.py' 'moon'; did you mean moons"):
        load(options(f"{own}:moon"), PreprocessingOptions())
    with pytest.raises(UserError, match="dataset 'broken', line 24: KeyError: 'x'"):
        load(options(f"{own}:broken"), PreprocessingOptions())
    given = AugmentationOptions(augment=(f"{own}:darker,by='x'",))
    with pytest.raises(UserError, match=r"augmentation '.*own.py:darker', line 21: .*Error"):
        next(Batches(train, batch_size=None, augmentation=given, data_seed=0).epoch(1))
    with pytest.raises(UserError, match="dataset 'three': its function returns int, not a Source"):
        load(options(f"{own}:three"), PreprocessingOptions())


def test_names_of_backproof_are_not_given_away():
    with pytest.raises(UserError, match="dataset 'digits' is one of backproof's own; give yours another name"):
        dataset("digits", "")(two_moons)
    with pytest.raises(UserError, match="augmentation 'flip' is one of backproof's own"):
        augmentation("flip")(lambda image, random: image)


@pytest.fixture
def real_doc():
    return (Path(__file__).parents[2] / "docs/how-to/add-a-dataset.md").read_text()
