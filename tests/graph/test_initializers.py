from dataclasses import dataclass
from math import sqrt

import numpy as np
import pytest

from backproof.errors import UserError
from backproof.graph import INITIALIZERS, Op, ParameterSpec, Sequential, Shape, initial_parameters
from backproof.graph.initializers import generator
from backproof.ops import BatchNorm, Linear, ReLU

FAN_IN, FAN_OUT = 300, 200
SPEC = ParameterSpec(shape=(FAN_OUT, FAN_IN), fan_in=FAN_IN, fan_out=FAN_OUT)
GLOROT = 2 / (FAN_IN + FAN_OUT)

VARIANCE = {
    "glorot_normal": GLOROT,
    "glorot_uniform": GLOROT,
    "xavier_normal": GLOROT,
    "xavier_uniform": GLOROT,
    "kaiming_normal": 2 / FAN_IN,
    "kaiming_uniform": 2 / FAN_IN,
    "he_normal": 2 / FAN_IN,
    "he_uniform": 2 / FAN_IN,
    "lecun_normal": 1 / FAN_IN,
    "lecun_uniform": 1 / FAN_IN,
    "normal": 0.01**2,
    "uniform": 0.05**2 / 3,
    "zeros": 0.0,
    "ones": 0.0,
    "quarter": 0.0,
    "orthogonal": 1 / FAN_IN,  # rows of length 1 with FAN_IN elements
}


def draw(name: str) -> np.ndarray:
    return INITIALIZERS[name](generator(0, "weight"), SPEC)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_mean_and_variance(name):
    values = draw(name)
    sigma = sqrt(VARIANCE[name])
    assert values.shape == SPEC.shape
    assert values.dtype == np.float64
    assert values.mean() == pytest.approx({"ones": 1, "quarter": 0.25}.get(name, 0), abs=5 * sigma / sqrt(values.size))
    assert values.var() == pytest.approx(VARIANCE[name], rel=5 * sqrt(2 / values.size), abs=0)


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if "uniform" in name])
def test_uniform_fills_its_interval(name):
    bound = sqrt(3 * VARIANCE[name])
    values = draw(name)
    assert np.abs(values).max() <= bound
    assert np.abs(values).max() > 0.999 * bound


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (3, 2, 4)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    W = INITIALIZERS["orthogonal"](generator(1, "w"), ParameterSpec(shape=shape)).reshape(shape[0], -1)
    gram = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-14)


@dataclass(frozen=True)
class Scale(Op):
    """An operation with a vector that asks for orthogonality."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, ParameterSpec]:
        return {"weight": ParameterSpec(shape=(3,))}


def test_orthogonal_refuses_a_vector():
    mixed = Sequential(Linear(3), BatchNorm()).build(Shape("N", 2))
    assert set(initial_parameters(mixed, initializer="orthogonal")) == set(mixed.parameters)
    with pytest.raises(UserError, match=r"'scale.weight' has shape \(3,\); .* needs two axes"):
        initial_parameters(Sequential(("scale", Scale())).build(Shape("N", 3)), initializer="orthogonal")


def test_a_parameter_depends_on_seed_and_name_alone():
    small = initial_parameters(Sequential(("fc", Linear(4))).build(Shape("N", 3)), seed=7)
    large = initial_parameters(
        Sequential(("before", Linear(3)), ReLU(), ("fc", Linear(4)), ("after", Linear(2))).build(Shape("N", 3)), seed=7
    )
    np.testing.assert_array_equal(small["fc.weight"], large["fc.weight"])
    other_seed = initial_parameters(Sequential(("fc", Linear(4))).build(Shape("N", 3)), seed=8)
    other_name = initial_parameters(Sequential(("fd", Linear(4))).build(Shape("N", 3)), seed=7)
    assert not np.any(small["fc.weight"] == other_seed["fc.weight"])
    assert not np.any(small["fc.weight"] == other_name["fd.weight"])


def test_layers_are_independent():
    values = initial_parameters(Sequential(Linear(100), Linear(100)).build(Shape("N", 100)))
    correlation = np.corrcoef(values["0.weight"].ravel(), values["1.weight"].ravel())[0, 1]
    assert abs(correlation) < 5 / 100


def test_same_bytes_on_every_machine():
    graph = Sequential(("fc", Linear(2))).build(Shape("N", 2))
    values = initial_parameters(graph)
    np.testing.assert_array_equal(values["fc.weight"], initial_parameters(graph, 0)["fc.weight"])
    np.testing.assert_array_equal(values["fc.bias"], [0, 0])
    np.testing.assert_allclose(
        values["fc.weight"].ravel(),
        [-1.223259292657619, -0.11873684741266713, 0.6639274934959825, -0.025176779294995736],
        rtol=1e-15,
    )


def test_an_operation_may_choose_for_itself():
    graph = Sequential(("a", Linear(4, initializer="ones")), ("b", Linear(4))).build(Shape("N", 3))
    values = initial_parameters(graph, initializer="zeros")
    assert np.all(values["a.weight"] == 1)
    assert np.all(values["b.weight"] == 0)


def test_unknown_initializer():
    graph = Sequential(Linear(4)).build(Shape("N", 3))
    with pytest.raises(UserError, match="unknown initializer 'hi_normal'; did you mean he_normal"):
        initial_parameters(graph, initializer="hi_normal")
