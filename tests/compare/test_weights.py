"""The distance of weights."""

from types import SimpleNamespace

import numpy as np
import pytest

from backproof.compare import Distance, weight_distance
from backproof.errors import UserError


def run(name: str, **weights: object):
    arrays = {key.replace("_", "."): np.array(value, np.float32) for key, value in weights.items()}
    return SimpleNamespace(name=name, weights=lambda _: arrays)


def test_distance_by_hand():
    apart = weight_distance(run("a", fc_weight=[[3, 4]], fc_bias=[0]), run("b", fc_weight=[[3, 3]], fc_bias=[0]))
    assert apart.runs == ("a", "b")
    assert apart.parameters == {"fc.weight": Distance(1.0, 0.2), "fc.bias": Distance(0.0, 0.0)}
    assert apart.overall == Distance(1.0, 0.2)


def test_overall_is_over_all_parameters_together():
    apart = weight_distance(run("a", x=[3.0], y=[4.0]), run("b", x=[0.0], y=[0.0]))
    assert apart.overall == Distance(4.0, 1.0)


def test_distance_is_symmetric():
    a, b = run("a", x=[1.0, -2.0]), run("b", x=[0.5, 8.0])
    assert weight_distance(a, b).overall == weight_distance(b, a).overall


@pytest.mark.parametrize(
    ("other", "said"),
    [({"x": [[1.0]]}, "'x' is (1,) in the one and (1, 1)"), ({"x": [1.0], "z": [1.0]}, "'z' is missing in the one")],
)
def test_different_networks_are_refused(other: dict[str, object], said: str):
    with pytest.raises(UserError) as error:
        weight_distance(run("a", x=[1.0]), run("b", **other))
    assert said in str(error.value)
    assert "weights of a and b" in str(error.value)
