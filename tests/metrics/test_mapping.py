"""Measured values are a mapping that does not change, and reads as attributes."""

import copy
import pickle

import pytest

from backproof.errors import UserError
from backproof.metrics import METRICS, Metrics, measure, metric
from backproof.metrics.metric import Mean


def test_mapping_and_attributes() -> None:
    measured = Metrics({"cost": 2.0}, loss=1.0)
    assert (measured["cost"], measured.loss, list(measured), len(measured)) == (2.0, 1.0, ["cost", "loss"], 2)
    assert measured == {"cost": 2.0, "loss": 1.0}
    assert repr(measured) == "Metrics(cost=2.0, loss=1.0)"
    with pytest.raises(AttributeError, match="accuracy was not measured"):
        _ = measured.accuracy
    with pytest.raises(TypeError):
        measured["cost"] = 1.0  # type: ignore[index]


def test_copied_and_pickled() -> None:
    measured = Metrics(cost=2.0)
    assert copy.deepcopy(measured) == pickle.loads(pickle.dumps(measured)) == measured


@pytest.mark.parametrize(("name", "better"), [("cost", "lower"), ("rmse", "lower"), ("accuracy", "higher")])
def test_what_improves(name: str, better: str) -> None:
    followed = measure(name)
    assert followed.better == better
    assert followed.improves(2.0, 1.0) == (better == "higher")
    assert followed.improves(1.0, 2.0) == (better == "lower")
    assert not followed.improves(1.0, 1.0)
    assert followed.improves(1.0, None)
    assert not followed.improves(float("nan"), None)


def test_every_measure_says_what_it_is() -> None:
    for name in ("cost", "loss", *METRICS):
        each = measure(name)
        assert each.name == name
        assert each.title
        assert each.short
        assert each.meaning.endswith(".")


def test_a_measure_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"acuracy.*accuracy"):
        measure("acuracy")


def test_a_metric_cannot_take_the_name_of_the_cost() -> None:
    with pytest.raises(UserError, match="a metric is called 'cost'"):
        metric(type("Mine", (Mean,), {"name": "cost"}))
