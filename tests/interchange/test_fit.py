"""Weights by name against what a network needs."""

import numpy as np
import pytest

from backproof.errors import UserError
from backproof.graph import Array, Graph, Sequential, Shape, initial_parameters
from backproof.interchange import fit_weights
from backproof.ops import BatchNorm, Flatten, Linear


def network(classes: int = 3, momentum: float | None = 0.1) -> Graph:
    return Sequential(
        ("body.fc1", Linear(5)), ("body.bn1", BatchNorm(momentum)), ("flatten", Flatten()), ("head", Linear(classes))
    ).build(Shape("N", 4))


@pytest.fixture
def weights() -> dict[str, Array]:
    return dict(initial_parameters(network(), seed=1))


def test_all_that_fit(weights: dict[str, Array]) -> None:
    fitted = fit_weights(network(), weights, "a.pth")
    assert fitted.keys() == network().parameters.keys()
    assert all(np.array_equal(fitted[name], weights[name]) for name in weights)


def test_batches_are_counted_only_where_it_matters(weights: dict[str, Array]) -> None:
    given = weights | {"body.bn1.num_batches_tracked": np.array(12)}
    assert fit_weights(network(), given, "a.pth").keys() == weights.keys()
    counting = fit_weights(network(momentum=None), given, "a.pth")
    assert counting["body.bn1.num_batches_tracked"] == 12.0
    assert counting["body.bn1.num_batches_tracked"].dtype == np.float64


def test_skipped_layers_start_anew(weights: dict[str, Array]) -> None:
    fitted = fit_weights(network(classes=7), weights, "a.pth", skip=["head"])
    assert fitted.keys() == {name for name in weights if not name.startswith("head")}
    assert fit_weights(network(), weights, "a.pth", skip=["body"]).keys() == {"head.weight", "head.bias"}
    without = {name: array for name, array in weights.items() if not name.startswith("head")}
    assert fit_weights(network(), without, "a.pth", skip=["head"]).keys() == without.keys()


def test_a_skipped_layer_that_is_none(weights: dict[str, Array]) -> None:
    for name in ("haed", "hea", "head.weight"):
        with pytest.raises(UserError, match=rf"unknown layer '{name}'; did you mean head"):
            fit_weights(network(), weights, "a.pth", skip=[name])


def test_another_number_of_classes(weights: dict[str, Array]) -> None:
    sentence = (
        r"^weights 'a.pth' do not fit the network: 'head.weight' has shape \(3, 5\), not \(7, 5\), "
        r"'head.bias' has shape \(3,\), not \(7,\); weights_skip=LAYER starts a layer anew$"
    )
    with pytest.raises(UserError, match=sentence):
        fit_weights(network(classes=7), weights, "a.pth")


def test_a_missing_one(weights: dict[str, Array]) -> None:
    del weights["head.bias"]
    with pytest.raises(UserError, match=r"do not fit the network: 'head.bias' is missing$"):
        fit_weights(network(), weights, "a.pth")


def test_an_unknown_one(weights: dict[str, Array]) -> None:
    weights["heads.bias"] = weights.pop("head.bias")
    weights["b"] = np.ones(1)
    sentence = r"'head.bias' is missing; the network has no 'heads.bias' \(is it head.bias\?\), 'b'$"
    with pytest.raises(UserError, match=sentence):
        fit_weights(network(), weights, "a.pth")


def test_weights_of_another_network() -> None:
    weights = {f"features.{i}.weight": np.ones(2) for i in range(9)}
    sentence = (
        r"'body.fc1.weight', 'body.fc1.bias', 'body.bn1.weight' and 5 more are missing; "
        r"the network has no 'features.0.weight', 'features.1.weight', 'features.2.weight' and 6 more$"
    )
    with pytest.raises(UserError, match=sentence):
        fit_weights(network(), weights, "a.pth")
