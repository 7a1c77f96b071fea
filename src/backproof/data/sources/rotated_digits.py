"""`rotated_digits`: real handwritten digits, each turned by a random angle, which is to be found."""

import numpy as np

from backproof.data.seeds import GENERATE, generator
from backproof.data.sources.digits import digits
from backproof.data.sources.registry import dataset
from backproof.data.sources.source import Source

SIDE = 16
GREATEST = 45.0  # degrees


@dataset("rotated_digits", "1,797 handwritten digits, 16x16 gray, turned by -45 to 45 degrees; y is the angle / 45")
def rotated_digits() -> Source:
    """The samples of `digits`, enlarged smoothly and turned counter-clockwise by an angle uniform in [-45, 45] degrees.

    y: the angle / 45, so -1 to 1: numbers of the size of a network's first outputs. The same on every machine.
    """
    from PIL import Image

    source = digits()
    angles = generator(0, GENERATE).uniform(-GREATEST, GREATEST, len(source))
    turned = []
    for i, angle in enumerate(angles):
        padded = Image.fromarray(np.pad(source.images[i][:, :, 0], 2))  # the corners need room to turn
        large = padded.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        turned.append(np.asarray(large.rotate(angle, Image.Resampling.BICUBIC)))
    images = np.clip(np.stack(turned)[:, :, :, None], 0, 1)
    y = (angles / GREATEST).astype(np.float32)
    return Source.from_arrays("rotated_digits", images, y, ("angle / 45 degrees",), kind="scikit-learn")
