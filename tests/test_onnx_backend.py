"""ONNX's own test suite judges the backend: all node tests of the operators that are imported, in both precisions."""

import re
import warnings
from typing import Any

import pytest

from backproof.errors import UserError

onnx = pytest.importorskip("onnx")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the suite computes with what overflows when it is imported
    from onnx.backend.test.loader import load_model_tests
    from onnx.backend.test.runner import Runner, _normalize_tensor

    SUITE = load_model_tests(kind="node")

from backproof import onnx_backend  # noqa: E402

FLOAT, INT32, INT64, BOOL, DOUBLE = 1, 6, 7, 9, 11

NAMED = """
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Concat Constant
    ConstantOfShape Conv ConvTranspose Cos DepthToSpace DequantizeLinear Div Dropout Elu Equal Erf Exp Expand Flatten
    Floor Gather Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid
    HardSwish Identity InstanceNormalization IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
    LpPool MatMul Max MaxPool Mean Min Mish Mul Neg Not Or PRelu Pad Pow QuantizeLinear Reciprocal ReduceL1 ReduceL2
    ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
    Resize Round Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub
    Sum Tan Tanh ThresholdedRelu Tile Transpose Unsqueeze Upsample Where Xor
""".split()  # noqa: SIM905
"""The operators whose tests must pass: those in floats, whole numbers (int32 or int64) and truth values."""

REASONS = {
    r"_training_mode$|^test_training_dropout(_default)?(_mask)?$": "training mode; an imported network evaluates",
    r"_empty_set|zero_size|allowzero_reordered|slice_start_out_of_bounds|kernel_size_one_expanded": "a value is empty",
    r"rotary_embedding(_3d_input|(_no_position_ids)?(_interleaved)?)_expanded$": "a value is empty",
    r"with_argmax": "the places of the largest, which only MaxUnpool takes",
    r"^test_not_\dd$": "a file of opset 1; opsets 7 and later are read",
    r"^test_(edge|reflect|wrap)_pad$|pow_types_int|div_int32|center_crop_pad": "arithmetic of whole numbers",
    r"convtranspose_3d": "transposed convolutions of volumes",
}
"""Tests of these operators that do not pass, by a pattern of their names, and why: all of them are refused."""


def _types(case: Any) -> set[int]:
    values = (*case.model.graph.input, *case.model.graph.output)
    return {value.type.tensor_type.elem_type for value in values}


def _judged(case: Any) -> bool:
    operators = {node.op_type for node in case.model.graph.node if node.domain == ""}
    domains = {node.domain for node in case.model.graph.node}
    return domains == {""} and operators <= set(NAMED) and _types(case) <= TYPES


TYPES = {FLOAT, DOUBLE, INT32, INT64, BOOL}
JUDGED = {case.name: case for case in SUITE if _judged(case)}
REFUSED = [name for name in JUDGED if any(re.search(pattern, name) for pattern in REASONS)]


def _run(case: Any, dtype: Any) -> None:
    prepared = onnx_backend.prepare(case.model, dtype=dtype)
    for inputs, outputs in case.data_sets:
        found = prepared.run([_normalize_tensor(x) for x in inputs])
        Runner.assert_similar_outputs([_normalize_tensor(y) for y in outputs], found, rtol=case.rtol, atol=case.atol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in JUDGED if name not in REFUSED])
def test_node(name: str, dtype: str) -> None:
    _run(JUDGED[name], dtype)


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_pass_is_refused_and_not_computed_wrongly(name: str) -> None:
    with pytest.raises(UserError):
        _run(JUDGED[name], "float32")


def test_the_suite_is_not_smaller_than_it_was() -> None:
    assert len(JUDGED) - len(REFUSED) > 700
