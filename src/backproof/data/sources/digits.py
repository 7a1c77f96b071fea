"""`digits`: real handwritten digits that scikit-learn brings along."""

import numpy as np

from backproof.data.sources.registry import dataset
from backproof.data.sources.source import Source


@dataset("digits", "1,797 real handwritten digits, 8x8 gray, from scikit-learn")
def digits() -> Source:
    """The test part of Alpaydin and Kaynak's Optical Recognition of Handwritten Digits (UCI, 1998).

    Its values 0..16 become float32 0..1.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    return Source.from_arrays(
        "digits",
        images=(found.images / 16).astype(np.float32)[:, :, :, None],
        y=found.target.astype(np.int64),
        names=tuple(str(name) for name in found.target_names),
        kind="scikit-learn",
    )
