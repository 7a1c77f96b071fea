"""Dropout, which does nothing in evaluation."""

import numpy as np

from backproof.errors import ModelError
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import BATCHES, Edge, Known
from backproof.ops import Dropout


@imports("Dropout")
def dropout(call: Call) -> list[Edge | Known]:
    """Nothing in evaluation; in training it drops as its authors did."""
    ratio = call.single("ratio", 1, 0.5)
    if call.has(2) and call.number(2) and ratio:
        raise ModelError("it drops in evaluation too (training_mode), which an imported network does not")
    x = call.edge()
    y = call.add(Dropout(float(ratio)), x)
    kept = Known(tuple(np.broadcast_to(np.True_, x.shape.bind(n)) for n in BATCHES))  # type: ignore[arg-type]
    return [y, kept]
