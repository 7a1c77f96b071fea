"""Products of matrices: a layer where one side is a weight."""

import numpy as np

from backproof.errors import ModelError
from backproof.interchange.onnx.read.call import Call, imports
from backproof.interchange.onnx.read.values import Edge, Weight
from backproof.ops import Add, Linear, MatMul, Mul, Permute


def _layer(call: Call) -> Weight | None:
    """The second matrix, if it is a weight that this node may have for itself."""
    return call.weight(1) if call.alone(1) and call.rank(1) == 2 else None


def _transposed(weight: Weight) -> Weight:
    return Weight(np.ascontiguousarray(weight.array.T), weight.name)


@imports("MatMul")
def matmul(call: Call) -> Edge:
    """x W is a linear layer without a bias, whose weight is Wᵀ."""
    x = call.edge(0)
    weight = _layer(call) if len(x.shape) > 1 else None
    if weight is None or x.shape[-1] != weight.array.shape[0]:
        return call.add(MatMul(), x, call.edge(1))
    return call.add(Linear(weight.array.shape[1], bias=False), x, weights={"weight": _transposed(weight)})


@imports("Gemm")
def gemm(call: Call) -> Edge:
    """alpha A B + beta C, A and B perhaps transposed: a linear layer where B and C are weights and the factors 1."""
    if call.rank(0) != 2 or call.rank(1) != 2:
        raise ModelError(f"Gemm takes two matrices, not {call.shape(0)} and {call.shape(1)}")
    weight = _layer(call)
    if weight is not None and not call["transA"] and call["alpha"] == 1:
        weight = weight if call["transB"] else _transposed(weight)
        features = weight.array.shape[0]
        if not call.has(2):
            return call.add(Linear(features, bias=False), call.edge(0), weights={"weight": weight})
        if not isinstance(call.given(2), Edge) and call.shape(2).size == features == call.shape(2)[-1:][0]:
            bias = call.weight(2)
            bias = Weight(bias.array.reshape(-1) * np.asarray(call["beta"], bias.array.dtype), bias.name)
            return call.add(Linear(features), call.edge(0), weights={"weight": weight, "bias": bias})
    a, b = (
        call.add(Permute((1, 0)), call.edge(place), suffix=letter) if call[f"trans{letter}"] else call.edge(place)
        for place, letter in enumerate("AB")
    )
    scaled, added = call["alpha"] != 1, call.has(2) and call["beta"] != 0
    y = call.add(MatMul(), a, b, suffix="matmul" if scaled or added else "")
    if scaled:
        y = call.add(Mul(), y, call.constant(np.array(call["alpha"]), "alpha"), suffix="scaled" if added else "")
    if not added:
        return y
    c = call.edge(2)
    if call["beta"] != 1:
        c = call.add(Mul(), c, call.constant(np.array(call["beta"]), "beta"), suffix="C")
    return call.add(Add(), y, c)
