import re

import numpy as np
import pytest

from backproof.data import AugmentationOptions, Batches, Partition
from backproof.data.augmentations import crop, flip, flip_vertical, noise, resized_crop, rotate
from backproof.errors import UserError


def test_a_rotation_keeps_size_and_fills_with_the_corners_colour():
    image = np.full((2, 21, 21), 0.25, dtype=np.float32)
    image[:, 8:13, 8:13] = 1
    turned = rotate(image, np.random.default_rng(0), 45.0)
    assert turned.shape == image.shape
    assert turned.dtype == np.float32
    assert np.allclose(turned[:, [0, 0, -1, -1], [0, -1, 0, -1]], 0.25)
    assert np.allclose(turned[:, 10, 10], 1)
    assert not np.array_equal(turned, image)


def test_angles_spread_over_the_whole_range():
    # A bar of one pixel turns by the angle: its far end tells how far.
    image = np.zeros((1, 41, 41), dtype=np.float32)
    image[0, 20, :] = 1
    random = np.random.default_rng(0)
    ends = [rotate(image, random, 30.0)[0, :, 34].argmax() - 20 for _ in range(200)]
    reach = 14 * np.tan(np.deg2rad(30))
    assert min(ends) == pytest.approx(-reach, abs=1.5)
    assert max(ends) == pytest.approx(reach, abs=1.5)


def test_crop_back_shifts_and_fills_with_the_corners_colour():
    image = np.arange(7, 27, dtype=np.float32).reshape(1, 4, 5)
    padded = np.pad(image, ((0, 0), (2, 2), (2, 2)), constant_values=7)
    windows = {padded[:, r : r + 4, c : c + 5].tobytes() for r in range(5) for c in range(5)}
    random = np.random.default_rng(0)
    seen = {np.ascontiguousarray(crop(image, random, 2)).tobytes() for _ in range(500)}
    assert seen == windows


def test_noise_has_the_asked_spread():
    noisy = noise(np.ones((1, 100, 100), dtype=np.float32), np.random.default_rng(0), 0.2)
    assert noisy.dtype == np.float32
    assert noisy.mean() == pytest.approx(1, abs=0.01)
    assert noisy.std() == pytest.approx(0.2, rel=0.05)


def test_vectors_take_noise_but_no_rotation():
    part = Partition(np.zeros((4, 3), np.float32), np.zeros(4, np.int64), np.arange(4))
    noisy = next(Batches(part, batch_size=None, augmentation=AugmentationOptions(noise=1), data_seed=0).epoch(1))
    assert len(np.unique(noisy.x)) == 12
    with pytest.raises(UserError, match="rotate is for images"):
        Batches(part, batch_size=None, augmentation=AugmentationOptions(rotate=5), data_seed=0)


def test_pictures_may_be_turned_any_way_round():
    assert AugmentationOptions(rotate=180).rotate == 180
    with pytest.raises(UserError, match=r"^rotate is .*180"):
        AugmentationOptions(rotate=180.5)


@pytest.mark.parametrize(
    ("option", "value"),
    [("clone", 0), ("rotate", -1), ("rotate", 181), ("rotate", float("nan")), ("crop", -1), ("noise", -0.1)],
)
def test_bad_options_are_refused(option, value):
    with pytest.raises(UserError, match=f"^{option} is"):
        AugmentationOptions(**{option: value})


def test_a_flip_mirrors_with_its_probability():
    image = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    random = np.random.default_rng(0)
    flipped = [flip(image, random, 0.3)[0, 0, 0] == 2 for _ in range(500)]
    assert np.mean(flipped) == pytest.approx(0.3, abs=0.06)
    assert np.array_equal(flip(image, random, 1.0), image[:, :, ::-1])
    assert np.array_equal(flip_vertical(image, random, 1.0), image[:, ::-1])
    upside_down = [flip_vertical(image, random, 0.3)[0, 0, 0] == 3 for _ in range(500)]
    assert np.mean(upside_down) == pytest.approx(0.3, abs=0.06)


def test_a_resized_crop_shows_a_window_of_the_same_proportions():
    rows, columns = np.mgrid[:60, :90].astype(np.float32)
    places, random = np.stack([rows, columns]), np.random.default_rng(0)
    assert np.array_equal(resized_crop(places, random, 1.0), places)
    shares, tops, lefts = [], [], []
    for _ in range(300):
        seen = resized_crop(places, random, 0.25)
        assert seen.shape == places.shape
        assert seen.dtype == np.float32
        heights, widths = seen[0, 30] - seen[0, 29], seen[1, :, 45] - seen[1, :, 44]  # of the window, in pixels a pixel
        assert np.allclose(heights, heights[0], atol=1e-3)
        assert np.allclose(widths, heights[0], atol=1e-3)
        shares.append(heights[0] ** 2)
        tops.append(seen[0].min() / 60)
        lefts.append(seen[1].min() / 90)
    assert min(shares) == pytest.approx(0.25, abs=0.02)
    assert max(shares) == pytest.approx(1, abs=0.02)
    assert np.mean(shares) == pytest.approx(0.625, abs=0.05)
    assert max(tops) > 0.4
    assert max(lefts) > 0.4
    assert abs(np.corrcoef(tops, lefts)[0, 1]) < 0.6  # the window's size moves both, and each moves by itself


@pytest.mark.parametrize("scale", [0, -0.1, 1.1])
def test_a_resized_crop_of_nothing_is_refused(scale):
    part = Partition(np.zeros((4, 1, 3, 3), np.float32), np.zeros(4, np.int64), np.arange(4), (1, 3, 3))
    options = AugmentationOptions(augment=(f"resized_crop,scale={scale}",))
    with pytest.raises(UserError, match=f"^augment=resized_crop,scale={scale} is a share of the area above 0"):
        next(Batches(part, batch_size=None, augmentation=options, data_seed=0).epoch(1))


@pytest.mark.parametrize("kind", ["classes", "probabilities"])
def test_masks_move_with_their_images(kind):
    random = np.random.default_rng(0)
    y = np.kron(random.integers(0, 2, (8, 5, 4)), np.ones((1, 6, 6))).astype(np.int64)
    x = y[:, None].astype(np.float32)
    targets = y if kind == "classes" else x.copy()
    part = Partition(x.copy(), targets, np.arange(8), (1, 30, 24))
    steps = ("flip", "flip_vertical", "resized_crop,scale=0.4", "crop,pixels=3", "rotate,degrees=20")
    batches = Batches(part, batch_size=None, augmentation=AugmentationOptions(augment=steps), data_seed=0)
    batch = next(batches.epoch(1))
    assert batch.y.shape == targets.shape
    assert not np.array_equal(batch.x, x[batch.ids])
    if kind == "probabilities":
        assert np.array_equal(batch.y, batch.x)
    else:
        sharp = (batch.x[:, 0] < 0.01) | (batch.x[:, 0] > 0.99)  # elsewhere the image is between two classes
        assert sharp.mean() > 0.4
        assert np.mean(batch.y[sharp] == np.rint(batch.x[:, 0])[sharp]) > 0.99


@pytest.mark.parametrize("flatten", [False, True])
def test_augmentations_by_name_are_those_of_the_options(flatten):
    x = np.random.default_rng(0).random((6, 1, 5, 4), dtype=np.float32)
    part = Partition(x.reshape(6, 20) if flatten else x, np.arange(6), np.arange(6), (1, 5, 4))

    def once(**given):
        options = AugmentationOptions(**given)
        return next(Batches(part, batch_size=None, augmentation=options, data_seed=0).epoch(1)).x

    named = once(augment=("rotate,degrees=20", "crop,pixels=1", "noise,sigma=0.1"))
    assert np.array_equal(named, once(rotate=20, crop=1, noise=0.1))
    assert not np.array_equal(named, once())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flip,probability=high", "augment=flip,probability=high: probability is 'high'; it must be a number"),
        ("crop,pixels=1.5", "augment=crop,pixels=1.5: pixels is '1.5'; it must be a whole number"),
        ("crop,1", "'crop' takes pixels=..., not '1'"),
        ("flop", "unknown augmentation 'flop'; did you mean flip"),
        ("rotate", "rotate is for images"),
    ],
)
def test_augmentations_that_do_not_fit_are_named(text, message):
    part = Partition(np.zeros((4, 3), np.float32), np.zeros(4, np.int64), np.arange(4))
    with pytest.raises(UserError, match=re.escape(message)):
        Batches(part, batch_size=None, augmentation=AugmentationOptions(augment=(text,)), data_seed=0)
