import pickle

import pytest

from backproof.errors import UserError
from backproof.graph import Shape


def test_binds_the_batch():
    shape = Shape("N", 3, 4)
    assert shape.bind(5) == (5, 3, 4)
    assert shape.per_sample == (3, 4)
    assert shape.size == 12
    assert str(shape) == "(N, 3, 4)"
    assert str(Shape("N")) == "(N,)"
    assert Shape().size == 1


def test_survives_pickling():
    assert pickle.loads(pickle.dumps(Shape("N", 3))) == Shape("N", 3)


@pytest.mark.parametrize("dim", [0, -1, 2.5, "M", None])
def test_refuses_other_dimensions(dim):
    with pytest.raises(UserError, match="a dimension is a whole number"):
        Shape("N", dim)


def test_the_batch_may_stand_anywhere_and_be_a_multiple():
    shape = Shape(4, "12N", 3)
    assert shape.bind(2) == (4, 24, 3)
    assert shape.size == 144
    assert shape.has_batch
    assert not Shape(4, 3).has_batch
    assert pickle.loads(pickle.dumps(shape)) == shape


@pytest.mark.parametrize(
    ("shape", "given", "batch"),
    [
        (Shape("N", 3), (5, 3), 5),
        (Shape("N", 3), (0, 3), 0),
        (Shape("N", 3), (5, 4), None),
        (Shape("N", 3), (5, 3, 1), None),
        (Shape("2N", "N"), (6, 3), 3),
        (Shape("2N", "N"), (6, 2), None),
        (Shape("2N"), (5,), None),
        (Shape(2, 3), (2, 3), 1),
        (Shape(2, 3), (2, 4), None),
        (Shape(), (), 1),
    ],
    ids=str,
)
def test_finds_the_batch_in_a_shape(shape, given, batch):
    assert shape.batch_in(given) == batch


def test_a_fixed_axis_is_no_batch():
    assert Shape("N", 3).fixed(-1) == 3
    with pytest.raises(UserError, match=r"axis 0 of \(N, 3\) is the batch"):
        Shape("N", 3).fixed(0)
    with pytest.raises(UserError, match=r"\(N, 3\) has no axis 2"):
        Shape("N", 3).fixed(2)


@pytest.mark.parametrize("dim", ["1N", "0N", "02N", "N2", "2n", "2.5N", "-2N", "２N", True])
def test_refuses_what_is_no_multiple_of_the_batch(dim):
    with pytest.raises(UserError, match="a dimension is a whole number"):
        Shape(dim)
