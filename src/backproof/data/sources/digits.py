"""`digits`: real handwritten digits that scikit-learn brings along."""

import hashlib

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
    images = (found.images / 16).astype(np.float32)[:, :, :, None]
    labels = found.target.astype(np.int64)
    return Source(
        name="digits",
        kind="scikit-learn",
        where="built in",
        classes=tuple(str(name) for name in found.target_names),
        labels=labels,
        images=images,
        content=hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(),
    )
