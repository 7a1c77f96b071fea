"""ReLU with a slope that is learned."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import PReLU


@writes(PReLU)
def prelu(w: Writer, op: PReLU, x: str) -> str:
    """One slope a channel meets axis 1, which NumPy's broadcasting would not."""
    slope, rank = w.p("weight"), len(w.inputs[0])
    if isinstance(op.num_parameters, int) and op.num_parameters > 1 and rank > 2:
        slope = w("Unsqueeze", slope, w.ints(*range(1, rank - 1)))
    return w("PRelu", x, slope)
