"""What lies at a path, and which right answers it comes with."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backproof.data import TargetSpec
from backproof.errors import UserError
from backproof.infer.samples import UNKNOWN, find_samples, read_labels

DIGITS = TargetSpec("class", tuple("0123456789"))
MASKS = TargetSpec("mask", (), integer=False)


def draw(path: Path, size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path)


def test_one_image(tmp_path: Path):
    draw(tmp_path / "red.png")
    found = find_samples(tmp_path / "red.png", DIGITS)
    assert (len(found), found.keys, found.truths) == (1, ("red",), None)
    assert found.images[0].shape == (4, 6, 3)


def test_folders_called_as_classes_say_what_is_right(tmp_path: Path):
    for name in ("3/a.png", "train/7/b.png", "11/c.png", "d.png"):
        draw(tmp_path / name)
    found = find_samples(tmp_path, DIGITS)
    assert dict(zip(found.keys, found.truths.tolist(), strict=True)) == {
        "3/a": 3, "11/c": UNKNOWN, "d": UNKNOWN, "train/7/b": 7,
    }  # fmt: skip
    assert found.note == "2 images lie in no folder of a class, and are not measured"


def test_other_folders_say_nothing(tmp_path: Path):
    for name in ("cats/a.png", "dogs/b.png"):
        draw(tmp_path / name)
    found = find_samples(tmp_path, DIGITS)
    assert found.truths is None
    assert (
        found.note == "no folder is called as a class of the model (0, 1, 2, ...), but cats, dogs: nothing is measured"
    )
    assert find_samples(tmp_path, TargetSpec("class", ("cats", "dogs"))).truths.tolist() == [0, 1]
    assert find_samples(tmp_path / "cats", DIGITS).note == ""


def test_images_and_masks(tmp_path: Path):
    draw(tmp_path / "images/a.png")
    Image.new("L", (6, 4), 255).save((tmp_path / "images").with_name("masks.png"))
    (tmp_path / "masks").mkdir()
    Image.new("L", (6, 4), 255).save(tmp_path / "masks/a.png")
    found = find_samples(tmp_path, MASKS)
    assert found.truths[0].shape == (1, 4, 6)
    assert len(find_samples(tmp_path, DIGITS)) == 3  # for a classifier they are images as any


def test_arrays(tmp_path: Path):
    x = np.zeros((3, 8, 8), np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    found = find_samples(tmp_path / "x.npz", DIGITS)
    assert (found.names[2], found.keys[2], found.truths) == (f"{tmp_path / 'x.npz'}[2]", "x-2", None)
    assert found.images[0].shape == (8, 8, 1)
    np.savez(tmp_path / "y.npz", x=x, y=np.array(["7", "3", "ten"]))
    assert find_samples(tmp_path / "y.npz", DIGITS).truths.tolist() == [7, 3, UNKNOWN]
    np.savez(tmp_path / "z.npz", x=x, y=np.array([0.5, 1, 2]))
    assert find_samples(tmp_path / "z.npz", DIGITS).note == "its targets are not what the model predicts"


def test_what_is_none_of_it_is_said(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    for name, sentence in {
        "nowhere": "there is no image, folder or .npz file",
        "empty": "holds no images; images end in .bmp",
        "notes.txt": "is no image, folder or .npz file; images end in",
    }.items():
        with pytest.raises(UserError, match=sentence):
            find_samples(tmp_path / name, DIGITS)
    (tmp_path / "bad.npz").write_bytes(b"PK nothing")
    with pytest.raises(UserError, match=r"bad.npz is damaged, or no .npz file"):
        find_samples(tmp_path / "bad.npz", DIGITS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("names.txt", "tench\nshark\n\n"),
        ("names.json", '["tench", "shark"]'),
        ("index.json", '{"0": ["n01440764", "tench"], "1": ["n01484850", "shark"]}'),
    ],
)
def test_labels(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    assert read_labels(tmp_path / name) == ("tench", "shark")


@pytest.mark.parametrize(
    ("name", "text"), [("a.txt", ""), ("a.txt", "x\n\ny"), ("a.json", "3"), ("a.json", '{"1": "x"}'), ("a.json", "[3]")]
)
def test_labels_that_are_none(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=r"the labels '.*' (hold|are)"):
        read_labels(tmp_path / name)
