"""scikit-learn estimators over any model and engine: `bp.sklearn.Classifier` and `bp.sklearn.Regressor`."""

from backproof.sklearn.classifier import Classifier
from backproof.sklearn.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
