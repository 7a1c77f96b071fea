"""Weights and samples as pictures."""

from base64 import b64decode
from io import BytesIO

import numpy as np
from PIL import Image

from backproof.plots.confusion import mistakes
from backproof.plots.pictures import (
    DIVERGING,
    data_uri,
    diverging,
    image_shape,
    sample_images,
    spread_out,
    weight_mosaic,
)


def test_diverging_is_white_at_zero_and_symmetric_in_strength():
    colors = diverging(np.array([-2.0, 0.0, 2.0, 9.0]), 2.0)
    assert colors.tolist() == [DIVERGING[i].astype(int).tolist() for i in (0, 2, 4, 4)]


def test_mosaic_puts_each_unit_in_its_tile():
    weights = np.array([[1.0, -1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]])
    mosaic = weight_mosaic(weights, (1, 2, 2), 1.0, columns=2)
    assert mosaic.shape == (5, 5, 4)
    assert mosaic[0, 0, :3].tolist() == DIVERGING[4].tolist()
    assert mosaic[0, 1, :3].tolist() == DIVERGING[0].tolist()
    assert mosaic[4, 1, :3].tolist() == DIVERGING[4].tolist()  # the third unit's last row
    assert mosaic[2, :, 3].tolist() == [0] * 5  # clear between the tiles
    assert mosaic[3:, 3:, 3].max() == 0  # there is no fourth unit


def test_weights_over_colours_are_colours():
    mosaic = weight_mosaic(np.array([[1.0, 0.0, -1.0]]), (3, 1, 1), 1.0, columns=1)
    assert mosaic[0, 0].tolist() == [255, 128, 0, 255]


def test_other_weights_are_one_picture():
    assert weight_mosaic(np.zeros((3, 7)), None, 1.0, columns=1).shape == (3, 7, 4)


def test_samples_share_one_scale():
    dark, bright = sample_images(np.array([[[[-1.0, 0.0]]], [[[0.0, 1.0]]]]), (1, 1, 2))
    assert dark.tolist() == [[0, 128]]
    assert bright.tolist() == [[128, 255]]


def test_data_uri_is_a_png_of_the_pixels():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    head, _, data = data_uri(pixels).partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(BytesIO(b64decode(data)))), pixels)


def test_image_shape_needs_as_many_numbers_as_pixels():
    assert image_shape((1, 8, 8), 64) == (1, 8, 8)
    assert image_shape((1, 8, 8), 32) is None


def test_spread_out_keeps_first_and_last():
    assert spread_out([1, 2, 3], 5) == [1, 2, 3]
    few = spread_out(list(range(1, 101)), 4)
    assert few == [1, 34, 67, 100]


def test_mistakes_are_sorted_by_number():
    matrix = np.array([[8, 2, 0], [0, 5, 0], [3, 0, 1]])
    assert mistakes(matrix, ["a", "b", "c"]) == [("c", "a", 3, 0.75), ("a", "b", 2, 0.2)]
