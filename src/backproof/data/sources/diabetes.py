"""`diabetes`: real patients, and how their illness went on, that scikit-learn brings along."""

import numpy as np

from backproof.data.sources.registry import dataset
from backproof.data.sources.source import Source


@dataset("diabetes", "442 patients, 10 numbers each, and how far diabetes went on in a year, from scikit-learn")
def diabetes() -> Source:
    """Efron, Hastie, Johnstone and Tibshirani, Least Angle Regression, 2004.

    x: age, sex, body mass index, blood pressure and six measures of serum, as scikit-learn gives them: each of mean 0
    over the patients and norm 1; here times √442, so that its deviation is 1. y: the progression, 25 to 346, here in
    hundreds: networks begin near 0, and would take long to reach 150.
    """
    from sklearn.datasets import load_diabetes

    found = load_diabetes()
    return Source.from_arrays(
        "diabetes",
        (found.data * np.sqrt(len(found.data))).astype(np.float32),
        (found.target / 100).astype(np.float32),
        ("progression in hundreds",),
        kind="scikit-learn",
    )
