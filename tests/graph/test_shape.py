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
