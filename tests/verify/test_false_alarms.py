"""Right engines are never blamed, whatever the seed."""

import pytest
from false_alarms import NAMES, numbers, over_seeds, parity

from backproof.engines import get_engine
from backproof.verify.optimizers.check import check_optimizers


def test_a_few_seeds():
    failures, ratios = parity(2000, 2002)
    assert failures == []
    assert all(r.max() < 1 for r in ratios.values())


@pytest.mark.parametrize("engine", ["reference", "numpy"])
def test_gradients_from_another_seed(engine):
    failures, _ = numbers(2000, engine)
    assert failures == []


def test_optimizers():
    report = check_optimizers([get_engine(name) for name in NAMES])
    assert report.failures == ()


@pytest.mark.slow
def test_a_thousand_seeds():
    failures, ratios = over_seeds(1000)
    assert failures == []
    assert sum(map(len, ratios.values())) > 1_000_000
