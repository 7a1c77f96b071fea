"""Folders of images and masks, and what moves masks with their images."""

import numpy as np
import pytest
from PIL import Image

from backproof.data import (
    AugmentationOptions,
    Batches,
    DataOptions,
    PreprocessingOptions,
    Source,
    TargetSpec,
    augmentation,
    augmentations,
    available,
    contact_sheet,
    describe,
    dump_batches,
    load,
    make,
)
from backproof.data.pictures import overlay
from backproof.errors import UserError

PLAIN = PreprocessingOptions()
CLASSES = "paper\nsquare\n"


def bright_square(i, size=(20, 30)):
    """A picture in which a bright square lies on dark paper, and where it lies."""
    height, width = size
    where = np.zeros(size, np.uint8)
    top, left = 2 + i % (height - 10), 3 + (7 * i) % (width - 12)
    where[top : top + 8, left : left + 8] = 1
    return (30 + 200 * where[:, :, None].repeat(3, 2)).astype(np.uint8), where


@pytest.fixture
def squares(tmp_path):
    """12 pictures of 20x30 with masks of two classes."""
    folder = tmp_path / "datasets" / "squares"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    (folder / "classes.txt").write_text(CLASSES)
    for i in range(12):
        picture, where = bright_square(i)
        Image.fromarray(picture).save(folder / f"images/{i}.png")
        Image.fromarray(where).save(folder / f"masks/{i}.png")
    return folder


@pytest.fixture
def soft_squares(squares):
    """The same with masks of probabilities."""
    (squares / "classes.txt").unlink()
    for path in (squares / "masks").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) * 255).save(path)
    return squares


def test_masks_of_classes_are_read(squares, options):
    parts = load(options("squares"), PLAIN)
    assert parts.targets == TargetSpec("mask", ("paper", "square"), (20, 30), integer=True)
    assert parts.classes == ("paper", "square")
    assert [part.y.shape for part in parts] == [(8, 20, 30), (2, 20, 30), (2, 20, 30)]
    for part in parts:
        assert part.y.dtype == np.int64
        assert np.array_equal(part.y, part.x[:, 0] > 0.5)
    everyone = np.concatenate([part.ids for part in parts])
    assert sorted(everyone) == list(range(12))
    assert not np.array_equal(everyone, np.arange(12))


def test_masks_of_probabilities_are_read(soft_squares, options):
    values = np.linspace(0, 255, 600).astype(np.uint8).reshape(20, 30)
    Image.fromarray(values).save(soft_squares / "masks" / "3.png")
    train = (parts := load(options("squares", split=(1.0,)), PLAIN)).train
    assert parts.targets == TargetSpec("mask", (), (1, 20, 30), integer=False)
    assert parts.classes == ()
    assert train.y.dtype == np.float32
    (row,) = np.flatnonzero(train.ids == 3)
    assert np.allclose(train.y[row, 0], values / 255)
    others = train.ids != 3
    assert np.array_equal(train.y[others], train.x[others, :1] > 0.5)


@pytest.mark.parametrize("images", ["images", "imgs", "JPEGImages", "test_images"])
@pytest.mark.parametrize("masks", ["masks", "labels", "annotations", "SegmentationClass", "net_results"])
def test_usual_names_are_recognised(squares, options, images, masks):
    (squares / "images").rename(squares / "a")
    (squares / "masks").rename(squares / "b")
    (squares / "a").rename(squares / images)
    (squares / "b").rename(squares / masks)
    assert describe(options("squares")).kind == "masks"
    assert ("squares", "masks") in [(entry.name, entry.kind) for entry in available(squares.parent)]


def test_of_several_folders_of_masks_one_is_taken_and_told(squares, options):
    for name in ("a_results", "labels"):
        (squares / name).mkdir()
        Image.new("L", (3, 3)).save(squares / name / "0.png")
    (squares / "Annotations").mkdir()  # holds no images, as VOC's
    (squares / "Annotations" / "0.xml").write_text("")
    parts = load(options("squares"), PLAIN)
    assert parts.notes == (
        "images are those of images, masks those of masks; not used: a_results, labels, Annotations",
    )


def test_train_and_test_folders_are_partitions(squares, options):
    for name in ("images", "masks"):
        for part, numbers in (("train", range(9)), ("test", range(9, 12))):
            (squares / part / name).mkdir(parents=True)
            for i in numbers:
                (squares / name / f"{i}.png").rename(squares / part / name / f"{i}.png")
        (squares / name).rmdir()
    parts = load(options("squares", split=(6, 3)), PLAIN)
    assert [len(part) for part in parts] == [6, 3, 3]
    assert sorted(parts.test.ids) == [9, 10, 11]
    assert np.array_equal(parts.test.y, parts.test.x[:, 0] > 0.5)


def test_nested_folders_and_palettes(squares, options):
    for name in ("images", "masks"):
        (squares / name / "deep").mkdir()
        (squares / name / "0.png").rename(squares / name / "deep" / "0.png")
    mask = Image.open(squares / "masks" / "deep" / "0.png")
    mask.putpalette([9, 9, 9, 200, 0, 0])
    mask.save(squares / "masks" / "deep" / "0.png")
    parts = load(options("squares", split=(1.0,)), PLAIN)
    assert np.array_equal(parts.train.y, parts.train.x[:, 0] > 0.5)


def test_the_cache_keeps_masks(squares, options, tmp_path, monkeypatch):
    steps = PreprocessingOptions(resize=(10, 15))
    before = load(options("squares"), steps)
    assert len(list((tmp_path / "datasets" / ".cache").glob("*.npz"))) == 1
    load(options("digits"), PLAIN)  # so that nothing is left in memory
    monkeypatch.setattr("backproof.data.loading.preprocess", None)
    again = load(options("squares"), steps)
    for part, same in zip(before, again, strict=True):
        assert np.array_equal(part.y, same.y)
        assert part.y.dtype == same.y.dtype
        assert np.array_equal(part.x, same.x)


def test_another_mask_is_another_dataset(squares, options):
    before = load(options("squares"), PLAIN).fingerprint
    Image.new("L", (30, 20)).save(squares / "masks" / "5.png")
    between = load(options("squares"), PLAIN).fingerprint
    (squares / "classes.txt").write_text("paper\nquad\n")
    assert len({before, between, load(options("squares"), PLAIN).fingerprint}) == 3


@pytest.mark.parametrize("steps", [{"trim": True, "resize": (20, 30)}, {"resize": (40, 60)}, {"resize": (10, 15)}])
def test_class_masks_move_with_their_images(squares, options, steps):
    parts = load(options("squares", split=(1.0,)), PreprocessingOptions(**steps))
    found = parts.train.x[:, 0] > 0.5
    assert set(np.unique(parts.train.y)) == {0, 1}
    assert parts.train.y.shape == found.shape
    assert (found == parts.train.y).mean() > 0.97  # the edge of the square may round either way


def test_probability_masks_are_resized_as_their_images(soft_squares, options):
    train = load(options("squares", split=(1.0,)), PreprocessingOptions(trim=True, resize=(9, 13))).train
    assert np.allclose(train.y[:, 0], (train.x[:, 0] * 255 - 30) / 200, atol=1e-5)
    assert ((train.y > 0.01) & (train.y < 0.99)).any()


def test_steps_of_values_leave_masks_alone(squares, options):
    steps = PreprocessingOptions(grayscale=True, minmax=True, adaptive_invert=True, standardize=True)
    train = load(options("squares", split=(1.0,)), steps).train
    plain = load(options("squares", split=(1.0,)), PLAIN).train
    assert train.x.shape == (12, 1, 20, 30)
    assert np.array_equal(train.y, plain.y)
    (squares / "classes.txt").unlink()
    Image.fromarray(np.linspace(0, 255, 600).astype(np.uint8).reshape(20, 30)).save(squares / "masks" / "3.png")
    soft = load(options("squares", split=(1.0,)), PLAIN).train
    assert np.allclose(load(options("squares", split=(1.0,)), steps).train.y, soft.y, atol=1e-7)


def test_trim_goes_by_the_image(squares, options):
    for i in range(12):  # the mask marks the left half of the square only
        _, where = bright_square(i)
        where[:, np.flatnonzero(where.any(0))[4:]] = 0
        Image.fromarray(where).save(squares / f"masks/{i}.png")
    train = load(options("squares", split=(1.0,)), PreprocessingOptions(trim=True)).train
    assert train.x.shape == (12, 3, 8, 12)
    assert (train.x[:, 0, :, 2:10] > 0.5).all()
    assert (train.y[:, :, 2:6] == 1).all()
    assert train.y.sum() == 12 * 8 * 4


def test_images_of_different_sizes_need_a_resize(squares, options):
    picture, where = bright_square(1, (40, 24))
    Image.fromarray(picture).save(squares / "images" / "1.png")
    Image.fromarray(where).save(squares / "masks" / "1.png")
    with pytest.raises(UserError, match=r"images differ in size: .* bring all to one size, such as resize=20,30"):
        load(options("squares"), PLAIN)
    assert load(options("squares"), PreprocessingOptions(resize=(16, 16))).targets.shape == (16, 16)


def batch_of(part, **augmentation):
    options = AugmentationOptions(clone=3, **augmentation)
    return next(Batches(part, batch_size=None, augmentation=options, data_seed=3).epoch(1))


@pytest.mark.parametrize("augmentation", [{"rotate": 40}, {"crop": 5}, {"augment": ("flip",)}])
@pytest.mark.parametrize("flatten", [False, True])
def test_augmentation_moves_masks_with_their_images(squares, options, augmentation, flatten):
    part = load(options("squares", split=(1.0,)), PreprocessingOptions(flatten=flatten)).train
    before = part.y.copy()
    batch = batch_of(part, **augmentation)
    found = batch.x.reshape(36, 3, 20, 30)[:, 0] > 0.5
    assert batch.y.shape == found.shape
    assert batch.y.dtype == np.int64
    assert (found == batch.y).mean() > 0.99
    assert not np.array_equal(batch.y, before[np.searchsorted(part.ids[np.argsort(part.ids)], batch.ids)])
    assert np.array_equal(part.y, before)  # the partition's own are left alone


def test_probability_masks_turn_bilinearly_and_noise_leaves_them(soft_squares, options):
    part = load(options("squares", split=(1.0,)), PLAIN).train
    turned = batch_of(part, rotate=40)
    assert np.allclose(turned.y[:, 0], (turned.x[:, 0] * 255 - 30) / 200, atol=1e-5)
    noisy = batch_of(part, rotate=40, noise=0.3)
    assert np.array_equal(noisy.y, turned.y)
    assert not np.array_equal(noisy.x, turned.x)


def test_an_epoch_goes_on_inside_with_the_same_masks(squares, options):
    part = load(options("squares", split=(1.0,)), PLAIN).train
    given = AugmentationOptions(rotate=30, crop=2, augment=("flip",))
    whole, other = (Batches(part, batch_size=5, augmentation=given, data_seed=1) for _ in range(2))
    everything = [(batch.x.copy(), batch.y) for batch in whole.epoch(4)]
    for (x, y), batch in zip(everything[1:], other.epoch(4, first_batch=1), strict=True):
        assert np.array_equal(x, batch.x)
        assert np.array_equal(y, batch.y)


def test_masks_do_not_change_what_images_get(squares, options):
    part = load(options("squares", split=(1.0,)), PLAIN).train
    alone = type(part)(part.x, np.zeros(len(part), np.int64), part.ids, part.image_shape)
    given = {"rotate": 30, "crop": 2, "noise": 0.1}
    assert np.array_equal(batch_of(part, **given).x, batch_of(alone, **given).x)


def test_an_augmentation_of_ones_own(squares, options):
    @augmentation("upside_down", spatial=True)
    def upside_down(image, random, chance=1.0, how="rows"):
        assert how == "all"
        return image[:, ::-1] if random.random() < chance else image

    @augmentation("grow")
    def grow(image, random):
        return np.pad(image, 1)

    part = load(options("squares", split=(1.0,)), PLAIN).train
    plain, turned = batch_of(part), batch_of(part, augment=("upside_down,chance=1.0,how=all",))
    assert np.array_equal(turned.x, plain.x[:, :, ::-1])
    assert np.array_equal(turned.y, plain.y[:, ::-1])
    assert set(augmentations.AUGMENTATIONS.built_in) == {
        "rotate", "crop", "flip", "flip_vertical", "resized_crop", "noise",
    }  # fmt: skip
    with pytest.raises(UserError, match=r"'upside_down' takes chance=..., how=..., not 'odds=1'"):
        batch_of(part, augment=("upside_down,odds=1",))
    with pytest.raises(UserError, match="unknown augmentation 'upside'"):
        batch_of(part, augment=("upside",))
    with pytest.raises(UserError, match=r"augmentation 'grow' made \(5, 22, 32\) of \(3, 20, 30\)"):
        batch_of(part, augment=("grow",))
    augmentations.AUGMENTATIONS.forget(__name__)
    assert "grow" not in augmentations.AUGMENTATIONS


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, image):
    return lambda folder: image.save(folder / name)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("masks/3.png"), r"1 image has no mask, the first is .*images/3.png: expected .*masks/3.png"),
        (
            write("masks/3.png", Image.new("L", (30, 21))),
            r"3.png is 20x30 \(height x width\), but its mask 21x30",
        ),
        (write("masks/3.png", Image.new("L", (30, 20), 2)), r"3.png: holds 2 to 2, but classes.txt lists 2 classes, 0"),
        (
            lambda f: remove("masks/3.png")(f) or write("masks/3.tif", Image.new("I", (30, 20), -1))(f),
            "holds -1 to -1, but",
        ),
        (write("masks/3.png", Image.new("RGB", (30, 20))), r"a mask of mode RGB; masks of classes are gray or have a"),
        (write("masks/3.jpg", Image.new("L", (30, 20))), r"3.\w+ and .*3.\w+ differ in their suffix alone"),
        (write("images/3.bmp", Image.new("L", (30, 20))), r"3.\w+ and .*3.\w+ differ in their suffix alone"),
        (lambda f: (f / "masks/3.png").write_bytes(b"no"), r"masks/3.png: not an image that can be read"),
        (lambda f: (f / "masks/3.png").write_bytes((f / "masks/3.png").read_bytes()[:-30]), r"masks/3.png: damaged or"),
        (
            lambda f: (f / "classes.txt").write_text("one\n"),
            r"classes.txt lists 1 classes; a mask of classes needs",
        ),
        (lambda f: (f / "classes.txt").write_text("a\nb\na\n"), r"classes.txt lists 'a' twice"),
        (lambda f: (f / "classes.txt").write_bytes(b"\xff\xfe"), r"classes.txt is not UTF-8"),
        (remove("classes.txt"), r"hold nothing above 1 of 255, .* list the classes in .*squares/classes.txt"),
        (lambda f: [path.unlink() for path in (f / "images").iterdir()], r"squares is empty: .* holds no images"),
        (
            lambda f: [path.unlink() for path in (f / "masks").iterdir()],
            "12 images have no mask, the first is ",
        ),
    ],
)
def test_what_does_not_fit_is_named(squares, options, damage, message):
    damage(squares)
    with pytest.raises(UserError, match=message):
        load(options("squares"), PLAIN)


def test_a_mask_in_colours_needs_its_classes(soft_squares, options):
    Image.new("RGB", (30, 20), (9, 9, 8)).save(soft_squares / "masks" / "2.png")
    with pytest.raises(UserError, match=r"2.png: a mask in colours; masks are gray"):
        load(options("squares"), PLAIN)
    parts = load(options("squares", skip_bad_images=True), PLAIN)
    assert sum(map(len, parts)) == 11
    assert len(parts.skipped) == 1


def test_masks_without_images_are_mentioned(squares, options):
    Image.new("L", (3, 3)).save(squares / "masks" / "extra.png")
    assert load(options("squares"), PLAIN).notes == ("ignored 1 mask without an image, such as extra.png",)


def test_arrays_of_masks(options, tmp_path):
    pairs = [bright_square(i) for i in range(10)]
    x, y = (np.stack(part) for part in zip(*pairs, strict=True))
    (tmp_path / "datasets").mkdir()
    path = tmp_path / "datasets" / "m.npz"
    np.savez(path, x=x, y=y, classes=["paper", "square"])
    for steps in (PLAIN, PreprocessingOptions(resize=(40, 60))):
        train = load(options("m", split=(1.0,)), steps).train
        assert (train.y == (train.x[:, 0] > 0.5)).mean() > 0.97
    np.savez(path, x=x, y=y.astype(bool))
    parts = load(options("m", split=(1.0,)), PLAIN)
    assert parts.targets == TargetSpec("mask", (), (1, 20, 30), integer=False)
    assert np.array_equal(parts.train.y, parts.train.x[:, :1] > 0.5)
    for arrays, message in (
        ({"y": y}, "y are masks of whole numbers; name their classes"),
        ({"y": y[:, 1:] * 1.0}, r"samples of \(20, 30, 3\), but masks of \(19, 30\)"),
        ({"y": y * 2.0}, "y holds masks of 0 to 2; probabilities are 0 to 1"),
        ({"y": np.where(y, np.nan, 0.0)}, "y holds NaN or infinite values .* in 10 samples"),
    ):
        np.savez(path, x=x, **arrays)
        with pytest.raises(UserError, match=message):
            load(options("m"), PLAIN)


def test_masks_are_described(squares, options, tmp_path):
    summary = describe(options("squares"))
    assert summary.targets.kind == "mask"
    assert summary.counts == {}
    assert summary.table == (("mask", "pixels of 12 masks"), ("paper", "89.3%"), ("square", "10.7%"))
    assert summary.partitions == {"train": 8, "dev": 2, "test": 2}
    contact_sheet(options("squares"), tmp_path / "sheet.png", per_class=4)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).reshape(-1, 3).tolist()
    assert [30, 30, 30] in sheet
    assert [round(0.4 * 230 + 0.6 * c) for c in (230, 159, 0)] in sheet  # 230 is the square's gray


def test_probabilities_are_described(soft_squares, options):
    assert describe(options("squares")).table[1] == ("probability, on average", "10.7%")


def test_an_overlay_covers_by_probability():
    picture = Image.new("RGB", (2, 1), (100, 100, 100))
    soft = np.asarray(overlay(picture, np.array([[[0.5, 0.0]]])))
    assert soft.tolist() == [[[139, 118, 70], [100, 100, 100]]]
    classes = np.asarray(overlay(picture, np.array([[0, 2]])))
    assert classes.tolist() == [[[100, 100, 100], [92, 148, 180]]]


def test_dumped_batches_show_masks(squares, options, tmp_path):
    parts = load(options("squares"), PLAIN)
    batch = batch_of(parts.train, rotate=10)
    pixels = np.asarray(Image.open(dump_batches(tmp_path, batch, 1, 1, parts.targets))).reshape(-1, 3).tolist()
    assert [round(0.4 * 230 + 0.6 * c) for c in (230, 159, 0)] in pixels


def test_shapes_are_made_with_their_masks(tmp_path, options):
    folder = make("shapes", tmp_path / "datasets")
    assert (folder / "classes.txt").read_text().split() == ["background", "circle", "square", "triangle"]
    again = make("shapes", tmp_path / "again")
    other = make("shapes", tmp_path / "other", seed=1)
    names = [f"{part}/{i:03}.png" for part in ("images", "masks") for i in (0, 17, 299)]
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in names)
    assert all((folder / name).read_bytes() != (other / name).read_bytes() for name in names)
    parts = load(options("shapes"), PLAIN)
    assert [part.y.shape for part in parts] == [(210, 64, 64), (45, 64, 64), (45, 64, 64)]
    shares = np.bincount(parts.train.y.ravel()) / parts.train.y.size
    assert len(shares) == 4
    assert shares[1:].min() > 0.04
    # Colours change where classes do: values side by side differ by the noise within a class, by the contrast between.
    step = abs(np.diff(parts.train.x, axis=3)).mean(axis=1)
    between = np.diff(parts.train.y, axis=2) != 0
    assert step[between].mean() > 5 * step[~between].mean()


def test_photographs_with_probabilities(real_data, tmp_path):
    options = DataOptions(dataset=str(real_data / "u2net_test"), cache_dir=str(tmp_path / "cache"))
    summary = describe(options)
    assert (summary.samples, summary.kind, summary.unreadable) == (18, "masks", ())
    assert "not used: u2netp_results" in summary.notes[0]
    parts = load(options, PreprocessingOptions(resize=(64, 64)))
    assert [part.y.shape for part in parts] == [(12, 1, 64, 64), (3, 1, 64, 64), (3, 1, 64, 64)]
    assert parts.train.y.min() >= 0
    assert parts.train.y.max() > 0.95
    contact_sheet(options, tmp_path / "sheet.png")


def test_masks_of_a_source_of_ones_own():
    x = np.zeros((2, 4, 4, 1), np.float32)
    source = Source.from_arrays("mine", x, np.zeros((2, 4, 4), int), ("a", "b"))
    assert source.targets == TargetSpec("mask", ("a", "b"))
    with pytest.raises(UserError, match=r"masks of probabilities, which have no names"):
        Source.from_arrays("mine", x, np.zeros((2, 4, 4)), ("a", "b"))
    with pytest.raises(UserError, match=r"y has shape \(2, 4, 4, 4\) and type float64; expected classes"):
        Source.from_arrays("mine", x, np.zeros((2, 4, 4, 4)))
