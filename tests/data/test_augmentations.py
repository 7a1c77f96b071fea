import re

import numpy as np
import pytest

from backproof.data import AugmentationOptions, Batches, Partition
from backproof.data.augmentations import crop, flip, noise, rotate
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
