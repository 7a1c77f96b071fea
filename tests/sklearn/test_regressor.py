"""What the regressor does beyond scikit-learn's own checks; what it shares with the classifier is tested there."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import backproof as bp
from backproof.engines import ENGINES, get_engine, installed

EXACT = {"model": "one_layer", "batch_size": "full", "optimizer": "nesterov", "random_state": 0}


@pytest.fixture(scope="module")
def numbers():
    """Two numbers that depend on three, with noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 3))
    return X, X @ rng.standard_normal((3, 2)) + [1.0, -2.0] + 0.3 * rng.standard_normal((120, 2))


def test_least_squares(numbers):
    X, y = numbers
    weight = np.random.default_rng(1).uniform(0, 3, len(X))
    ours = bp.sklearn.Regressor(**EXACT, epochs=400, learning_rate=0.1)
    for w in (None, weight):
        theirs = LinearRegression().fit(X, y, sample_weight=w)
        found = clone(ours).fit(X, y, sample_weight=w)
        np.testing.assert_allclose(found.predict(X), theirs.predict(X), atol=1e-6)
        assert found.score(X, y, sample_weight=w) == pytest.approx(theirs.score(X, y, sample_weight=w))
    one = clone(ours).fit(X, y[:, 0])
    assert one.predict(X).shape == (120,)
    np.testing.assert_allclose(one.predict(X), LinearRegression().fit(X, y[:, 0]).predict(X), atol=1e-6)


def test_diabetes_in_a_pipeline():
    X, y = load_diabetes(return_X_y=True)
    network = bp.sklearn.Regressor(model_options={"layers": (16,)}, epochs=40, learning_rate=1e-2, random_state=0)
    scaled = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())
    assert cross_val_score(scaled, X, y, cv=3).mean() > 0.4


@pytest.mark.parametrize(
    "engine", [name for name in ENGINES if installed(name) and get_engine(name).capabilities.trains]
)
@pytest.mark.parametrize("loss", ["mse", "l1", "smooth_l1"])
def test_a_weight_counts_as_that_many_samples(numbers, engine, loss):
    X, y = numbers[0][:20], numbers[1][:20]
    times = np.arange(20) % 4
    options = EXACT | {"epochs": 3, "learning_rate": 0.1, "engine": engine, "train_options": {"loss": loss}}
    weighted = bp.sklearn.Regressor(**options).fit(X, y, sample_weight=times)
    repeated = bp.sklearn.Regressor(**options).fit(X.repeat(times, axis=0), y.repeat(times, axis=0))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-9)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    assert weighted.graph_.node["loss"].op.sample_weights
    plain = bp.sklearn.Regressor(**options).fit(X, y)
    equal = bp.sklearn.Regressor(**options).fit(X, y, sample_weight=np.full(20, 0.25))
    assert np.array_equal(plain.predict(X), equal.predict(X)), "equal weights change nothing, to the bit"
    assert not np.allclose(plain.predict(X), weighted.predict(X))


def test_portions_with_and_without_weights(numbers):
    X, y = numbers
    weight = np.linspace(0, 1, 120)
    estimator = bp.sklearn.Regressor(random_state=0)
    for w in (None, weight, None):
        estimator.partial_fit(X, y, sample_weight=w)
        estimator = pickle.loads(pickle.dumps(estimator))
    assert estimator.n_iter_ == 3
    with pytest.raises(ValueError, match=r"y has shape \(120,\); it had two axes in the fit"):
        estimator.partial_fit(X, y[:, 0])


def test_early_stopping_tells_r2(numbers, capsys):
    X, y = numbers
    estimator = bp.sklearn.Regressor(**EXACT, epochs=30, learning_rate=0.1, early_stopping=True, verbose=True)
    estimator.fit(X, y, sample_weight=np.linspace(0.5, 1, 120))
    assert len(estimator.validation_scores_) == estimator.n_iter_
    assert 0.8 < max(estimator.validation_scores_) < 1
    assert ", r2 " in capsys.readouterr().out


@pytest.mark.parametrize("weight", [-np.ones(120), np.zeros(120)])
def test_weights_that_are_none(numbers, weight):
    with pytest.raises(ValueError, match=r"(?i)sample.weight|negative"):
        bp.sklearn.Regressor().fit(*numbers, sample_weight=weight)
