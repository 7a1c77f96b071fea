"""Operations on several inputs."""

from backproof.interchange.onnx.write.table import Writer, writes
from backproof.ops import Concat, WeightedSum


@writes(WeightedSum)
def weighted_sum(w: Writer, op: WeightedSum, *inputs: str) -> str:
    return w("Sum", *(w("Mul", x, w.constant(weight)) for x, weight in zip(inputs, op.weights, strict=True)))


@writes(Concat)
def concat(w: Writer, op: Concat, *inputs: str) -> str:
    return w("Concat", *inputs, axis=op.axis)
