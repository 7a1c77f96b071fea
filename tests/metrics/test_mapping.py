"""Measured values are a mapping that does not change, and reads as attributes."""

import copy
import pickle

import pytest

from backproof.metrics import MEASURES, Metrics


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
    measure = MEASURES[name]
    assert measure.better == better
    assert measure.improves(2.0, 1.0) == (better == "higher")
    assert measure.improves(1.0, 2.0) == (better == "lower")
    assert not measure.improves(1.0, 1.0)
    assert measure.improves(1.0, None)
    assert not measure.improves(float("nan"), None)


def test_every_measure_says_what_it_is() -> None:
    for name, measure in MEASURES.items():
        assert measure.name == name
        assert measure.title
        assert measure.short
        assert measure.meaning.endswith(".")
