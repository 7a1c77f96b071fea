"""Samples draw the numbers that they say: the checks of every engine stand on them."""

import numpy as np
import pytest

from backproof.graph import Sample
from backproof.ops import Add, BCEWithLogits, Conv2d, ReLU, SoftmaxCrossEntropy

SHAPES = ((4, 6), (4, 6))


def drawn(values, op=None, shapes=SHAPES):
    """The same op, drawn as it is and with these values, from one seed."""
    rngs = (np.random.default_rng(7) for _ in range(2))
    plain, given = (
        Sample(op=op or Add(), shapes=shapes, values=v).inputs(rng)
        for v, rng in zip(("normal", values), rngs, strict=True)
    )
    return plain, given


def test_normal_numbers_are_what_the_operation_draws():
    x, y = Sample(op=Add(), shapes=SHAPES).inputs(np.random.default_rng(7))
    rng = np.random.default_rng(7)
    np.testing.assert_array_equal(x, rng.standard_normal(SHAPES[0]))
    np.testing.assert_array_equal(y, rng.standard_normal(SHAPES[1]))


@pytest.mark.parametrize(
    ("values", "change"), [("whole", np.round), ("far", lambda x: 1000 * x), ("displaced", lambda x: x + 50)]
)
def test_all_inputs_are_changed(values, change):
    plain, given = drawn(values)
    for x, y in zip(plain, given, strict=True):
        np.testing.assert_array_equal(y, change(x))


def test_labels_and_probabilities_stay():
    plain, given = drawn("far", SoftmaxCrossEntropy(), ((4, 3), (4,)))
    np.testing.assert_array_equal(given[1], plain[1])
    np.testing.assert_array_equal(given[0], 1000 * plain[0])
    plain, given = drawn("far", BCEWithLogits(), SHAPES)
    np.testing.assert_array_equal(given[1], plain[1])
    assert np.all((given[1] >= 0) & (given[1] <= 1))


@pytest.mark.parametrize(("values", "number", "count"), [("infinite", np.inf, 1), ("nan", np.nan, 3)])
def test_some_numbers_of_the_first_input_are_not_finite(values, number, count):
    plain, given = drawn(values)
    wrong = ~np.isfinite(given[0])
    assert wrong.sum() == count
    np.testing.assert_array_equal(given[0][wrong], number)
    np.testing.assert_array_equal(given[0][~wrong], plain[0][~wrong])
    np.testing.assert_array_equal(given[1], plain[1])


def test_the_lowest_are_one_sample():
    plain, given = drawn("lowest")
    np.testing.assert_array_equal(given[0][-1], -np.inf)
    np.testing.assert_array_equal(given[0][:-1], plain[0][:-1])


def test_what_is_finite():
    wrong = ("infinite", "lowest", "nan", "infinite weight")
    for values in ("normal", "whole", "far", "displaced", *wrong):
        assert Sample(op=ReLU(), shapes=((2, 2),), values=values).finite == (values not in wrong)


def test_a_sample_in_words():
    sample = Sample(op=Conv2d(3, 3), shapes=((2, 1, 4, 4),), training=False, values="far")
    assert str(sample) == f"{Conv2d(3, 3)} on (2, 1, 4, 4) [eval, far values]"
    assert str(Sample(op=ReLU(), shapes=())) == "ReLU() [train]"


def test_the_batch_is_that_of_the_first_input_that_has_one():
    sample = Sample(op=Add(), shapes=((3, 4), (5, 4)), constants=(0,))
    assert sample.batch == 5
    assert sample.declared == ((3, 4), ("N", 4))
    assert Sample(op=Add(), shapes=((3, 4), (3, 4)), constants=(0, 1)).batch == 1
