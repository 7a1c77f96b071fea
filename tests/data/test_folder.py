import os
import re

import numpy as np
import pytest
from PIL import Image

from backproof.data import PreprocessingOptions, available, describe, load
from backproof.data.sources.images import read_image
from backproof.errors import UserError

PLAIN = PreprocessingOptions()


def save(folder, name, image=None):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or Image.new("RGB", (8, 6), "red")).save(path)
    return path


def test_classes_and_files_are_in_natural_order(tmp_path, options):
    for name in ("10", "9", "1"):
        for file in ("img10.png", "img9.png", "deep/er/img1.png"):
            save(tmp_path / "n", f"{name}/{file}", Image.new("L", (2, 2), int(name)))
    parts = load(options(tmp_path / "n", split=(1.0,)), PLAIN)
    assert parts.classes == ("1", "9", "10")
    assert np.array_equal(parts.train.y, parts.train.ids // 3)
    assert np.allclose(parts.train.x[:, 0, 0, 0] * 255, np.array([1, 9, 10])[parts.train.y])


def test_hidden_files_are_passed_over_and_others_are_mentioned(pets, options):
    (pets / "cat" / ".DS_Store").write_text("x")
    (pets / ".git").mkdir()
    (pets / "cat" / "notes.txt").write_text("x")
    (pets / "README.md").write_text("x")
    parts = load(options(), PLAIN)
    assert sum(map(len, parts)) == 20
    assert parts.notes == ("ignored 2 files that are no images: cat/notes.txt, README.md",)


def test_train_and_test_folders_are_partitions(tmp_path, options):
    for part, count in (("train", 6), ("test", 2)):
        for name in ("a", "b"):
            for i in range(count):
                save(tmp_path / "parted", f"{part}/{name}/{i}.png")
    parts = load(options(tmp_path / "parted", split=(0.5, 0.5)), PLAIN)
    assert parts.classes == ("a", "b")
    assert [len(part) for part in parts] == [6, 6, 4]
    save(tmp_path / "parted", "val/a/0.png")
    with pytest.raises(UserError, match="holds the partitions test, train, val, but only train and test"):
        load(options(tmp_path / "parted"), PLAIN)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, [255]),
        ("L", 77, [77]),
        ("LA", (77, 0), [255]),
        ("I;16", 77 * 257, [77]),
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 255), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 0), [255, 255, 255]),
        ("RGBA", (0, 0, 0, 128), [127, 127, 127]),
    ],
)
def test_every_mode_becomes_gray_or_rgb(tmp_path, mode, colour, expected):
    path = save(tmp_path, "x.png", Image.new(mode, (3, 2), colour))
    assert read_image(path).tolist() == [[expected] * 3] * 2


def test_palettes_cmyk_and_camera_rotation(tmp_path):
    palette = save(tmp_path, "p.gif", Image.new("RGB", (3, 2), (255, 0, 0)).convert("P"))
    assert read_image(palette).tolist() == [[[255, 0, 0]] * 3] * 2
    cmyk = save(tmp_path, "c.tif", Image.new("CMYK", (3, 2), (0, 255, 255, 0)))
    assert read_image(cmyk).tolist() == [[[255, 0, 0]] * 3] * 2
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned = tmp_path / "turned.jpg"
    Image.new("L", (3, 2)).save(turned, exif=exif)
    assert read_image(turned).shape == (3, 2, 1)


def test_gray_images_among_coloured_ones_become_rgb(tmp_path, options):
    for i in range(3):
        save(tmp_path / "m", f"a/{i}.png", Image.new("L", (3, 2), 51))
        save(tmp_path / "m", f"b/{i}.png", Image.new("RGB", (3, 2), (255, 0, 0)))
    train = load(options(tmp_path / "m", split=(1.0,)), PLAIN).train
    assert train.x.shape == (6, 3, 2, 3)
    assert np.allclose(train.x[train.y == 0], 0.2)
    assert load(options(tmp_path / "m"), PreprocessingOptions(grayscale=True)).image_shape == (1, 2, 3)


def test_different_sizes_name_two_files_and_the_way_out(pets, options):
    save(pets, "dog/3.png", Image.new("RGB", (20, 30)))
    message = r"cat/0.png is 6x8 \(height x width\), .*dog/3.png is 30x20; .* resize=6,8"
    with pytest.raises(UserError, match=message):
        load(options(), PLAIN)
    assert load(options(), PreprocessingOptions(resize=(4, 4))).train.x.shape == (14, 3, 4, 4)


def bomb(path):
    """A PNG that says it is 20,000 x 20,000 and holds next to nothing."""
    Image.new("1", (20_000, 20_000)).save(path)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "truncated"),
        (lambda path: path.write_bytes(b"not an image"), "not an image that can be read"),
        (lambda path: path.write_bytes(b""), "not an image that can be read"),
        (lambda path: path.unlink() or path.symlink_to("nowhere"), r"cannot be read \(No such file"),
        (
            lambda path: path.unlink() or path.symlink_to(path.name),
            r"cannot be read \(Too many levels of",
        ),
        (bomb, "decompression bomb"),
        (lambda path: Image.new("F", (8, 6)).save(path, format="TIFF"), "floating-point"),
    ],
)
def test_bad_images_are_named_or_skipped_and_counted(pets, options, damage, reason):
    damage(pets / "dog" / "3.png")
    with pytest.raises(UserError, match=rf"dog/3.png: .*{reason}.* skip_bad_images"):
        load(options(), PLAIN)
    for _ in range(2):  # the second time from the cache
        parts = load(options(skip_bad_images=True), PLAIN)
        assert len(parts.skipped) == 1
        assert re.search(reason, parts.skipped[0])
        assert sum(map(len, parts)) == 19
        assert 13 not in np.concatenate([part.ids for part in parts])


def test_two_kinds_of_bad_images_are_both_counted(pets, options):
    bomb(pets / "cat" / "0.png")
    (pets / "cat" / "1.png").write_bytes(b"x")
    parts = load(options(skip_bad_images=True), PLAIN)
    assert len(parts.skipped) == 2
    summary = describe(options())
    assert summary.counts == {"cat": 8, "dog": 10}
    assert len(summary.unreadable) == 2


def test_empty_and_one_sided_folders_are_refused(tmp_path, options):
    empty = tmp_path / "datasets" / "empty"
    empty.mkdir(parents=True)
    with pytest.raises(UserError, match="empty is empty: it holds no folders of images"):
        load(options("empty"), PLAIN)
    save(empty, "a/0.png")
    with pytest.raises(UserError, match="dataset 'empty': there is only one class, 'a'"):
        load(options("empty"), PLAIN)
    (empty / "b").mkdir()
    with pytest.raises(UserError, match=r"class folder .*b holds no images"):
        load(options("empty"), PLAIN)
    save(empty, "b/0.png")
    with pytest.raises(UserError, match="class 'a' has 1 sample, fewer than the 3 partitions"):
        load(options("empty"), PLAIN)


def test_links_to_folders_are_not_followed(pets, options):
    (pets / "cat" / "up").symlink_to("..")
    assert describe(options()).counts == {"cat": 10, "dog": 10}


@pytest.mark.parametrize("name", [b"dog/f\xfcnf.png", b"f\xfcnf/5.png"])
def test_a_name_that_is_no_text_is_named(pets, options, name):
    path = pets / os.fsdecode(name)
    try:
        path.parent.mkdir(exist_ok=True)
        path.hardlink_to(pets / "dog" / "5.png")
    except OSError:
        pytest.skip("this file system takes no such names")
    with pytest.raises(UserError, match=r"the file name b'.*f\\xfcnf.*' is not UTF-8; rename"):
        load(options(), PLAIN)


@pytest.fixture
def locked(pets):
    """A class folder that this process cannot read."""
    folder = pets / "dog"
    folder.chmod(0)
    if os.access(folder, os.R_OK):
        folder.chmod(0o755)
        pytest.skip("the superuser reads everything")
    yield folder
    folder.chmod(0o755)


def test_a_folder_that_cannot_be_read_is_not_taken_for_empty(locked, options):
    with pytest.raises(UserError, match=r"cannot read .*pets/dog: Permission denied"):
        load(options(), PLAIN)


def test_a_dataset_that_cannot_be_read_is_listed_as_such(locked, options, tmp_path):
    assert ("dog", "unreadable") in [(entry.name, entry.kind) for entry in available(locked.parent)]
    with pytest.raises(UserError, match=r"cannot read .*dog.*: Permission denied"):
        load(options(locked), PLAIN)
    with pytest.raises(UserError, match=r"cannot read .*dog.*: Permission denied"):
        load(options(locked / "3.png"), PLAIN)


def test_all_images_bad_is_refused(pets, options):
    for path in pets.rglob("*.png"):
        path.write_bytes(b"x")
    with pytest.raises(UserError, match="'pets' is empty: none of its 20 images can be read"):
        load(options(skip_bad_images=True), PLAIN)
