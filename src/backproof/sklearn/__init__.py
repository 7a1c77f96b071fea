"""scikit-learn estimators over any model and engine: `bp.sklearn.Classifier`."""

from backproof.sklearn.classifier import Classifier

__all__ = ["Classifier"]
