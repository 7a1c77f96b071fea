"""scikit-learn's own judgement of the estimator, on every engine that is installed; no check is excused."""

from sklearn.utils.estimator_checks import parametrize_with_checks

import backproof as bp
from backproof.engines import ENGINES, installed

OTHERS = [name for name in ENGINES if name not in ("numpy", "reference") and installed(name)]
"""The oracle is left out: it would take minutes, and computes what the others do."""

ESTIMATORS = [
    bp.sklearn.Classifier(),
    bp.sklearn.Classifier(
        dtype="float64", model_options={"layers": (32, 16), "batch_norm": True}, batch_size="full", learning_rate=1e-2
    ),
    *(bp.sklearn.Classifier(engine=name, learning_rate=1e-2, epochs=20) for name in OTHERS),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_agrees(estimator, check):
    check(estimator)
