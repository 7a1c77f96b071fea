"""scikit-learn's own checks of the estimators, on every engine that is installed; no check is excused."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import backproof as bp
from backproof.engines import ENGINES, get_engine, installed

ABLE = [name for name in ENGINES if installed(name) and get_engine(name).capabilities.trains]
OTHERS = [name for name in ABLE if name not in ("numpy", "reference")]
"""Not the reference, which would take minutes, and computes what the others do."""

DEEP = {"model_options": {"layers": (32, 16)}, "batch_size": "full", "learning_rate": 1e-2}

Classifier, Regressor = bp.sklearn.Classifier, bp.sklearn.Regressor


@parametrize_with_checks([Classifier(), Classifier(**DEEP), Regressor()])
def test_scikit_learn_agrees(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        *(kind(engine=name, learning_rate=1e-2, epochs=20) for kind in (Classifier, Regressor) for name in OTHERS),
        Regressor(**DEEP),
    ]
)
def test_scikit_learn_agrees_on_other_engines(estimator, check):
    check(estimator)
