"""`--dump-batches`: what the model sees, as pictures."""

from pathlib import Path

import numpy as np

from backproof.data.batches import Batch
from backproof.data.pictures import picture, rows_of, save_sheet
from backproof.data.targets import TargetSpec

COLUMNS, SIDE = 16, 72


def dump_batches(directory: str | Path, batch: Batch, epoch: int, step: int, targets: TargetSpec) -> Path:
    """Write one batch as `epoch-001_step-000012.png`: every sample, with its target and its number in the dataset.

    Black is 0 or the batch's least value if that is less, white is 1 or its greatest if that is more; so preprocessed
    images look as they are, and noise beyond 0..1 shows. Vectors are drawn as one line of pixels.
    Returns the file; raises `UserError` where it cannot be written.
    """
    x = batch.x.reshape(len(batch.x), *(batch.image_shape or (1, 1, -1) if batch.x.ndim == 2 else batch.x.shape[1:]))
    low, high = min(0.0, float(x.min())), max(1.0, float(x.max()))
    pictures = [picture(np.moveaxis(image, 0, 2), low, high) for image in x]
    rows = rows_of(pictures, list(batch.y), targets, COLUMNS, batch.ids.tolist())
    path = Path(directory) / f"epoch-{epoch:03}_step-{step:06}.png"
    save_sheet(path, f"epoch {epoch}, step {step}: {len(x)} samples, values {x.min():.2f} to {x.max():.2f}", rows, SIDE)
    return path
