"""What every operation declares, and what each one refuses."""

import numpy as np
import pytest

import backproof.ops as ops
from backproof.errors import UserError
from backproof.graph import OPERATIONS, Loss, Shape
from backproof.graph.op import UnknownOp, op_from_attributes
from backproof.ops.reduce import Reduction

SAMPLES = [sample for op in OPERATIONS.values() for sample in op.samples()]


@pytest.mark.parametrize("name", OPERATIONS)
def test_has_a_formula_and_samples(name):
    cls = OPERATIONS[name]
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{name}("), "a docstring of its own, not dataclass's"
    assert list(cls.samples())
    assert all(type(sample.op) is cls for sample in cls.samples())
    assert getattr(ops, name) is cls


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_sample_fits_its_operation(sample):
    arrays = sample.inputs(np.random.default_rng(0))
    assert tuple(a.shape for a in arrays) == sample.shapes
    assert sample.op.arity in (-1, len(arrays))
    output = sample.op.output_shape(*sample.declared)
    if isinstance(sample.op, Loss):
        assert output == Shape()
    elif not isinstance(sample.op, ops.MatMul | Reduction):  # which may sum over the batch
        assert output.has_batch or not any(shape.has_batch for shape in sample.declared), "the batch is not lost"


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_attributes_make_the_same_operation(sample):
    assert op_from_attributes(type(sample.op).__name__, sample.op.attributes()) == sample.op


def test_weights_decay_and_scales_shifts_and_biases_do_not():
    x = Shape("N", 4, 6, 6)
    for op in (ops.Conv2d(4, 3), ops.BatchNorm(), ops.GroupNorm(2)):
        decaying = {name for name, spec in op.parameters(x).items() if spec.decay}
        assert decaying == ({"weight"} if isinstance(op, ops.Conv2d) else set())


def test_an_operation_without_its_code_equals_itself_read_again():
    one, again = (UnknownOp.called("Mine", {"a": 1}, loss=False) for _ in range(2))
    assert one == again
    assert hash(one) == hash(again)
    assert one != UnknownOp.called("Mine", {"a": 2}, loss=False)
    assert one != UnknownOp.called("Other", {"a": 1}, loss=False)
    assert one != "Mine(a=1)"


def test_what_came_later_is_not_written_at_its_default():
    assert ops.MSE().attributes() == {}
    assert ops.MSE(sample_weights=True).attributes() == {"sample_weights": True}
    assert ops.SoftmaxCrossEntropy(ignore_index=0).attributes() == {"label_smoothing": 0.0, "ignore_index": 0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ops.Linear(0), "1 output feature or more, not 0"),
        (lambda: ops.Dropout(1.0), r"p lies in \[0, 1\), not 1.0"),
        (lambda: ops.Dropout(-0.1), "not -0.1"),
        (lambda: ops.Dropout2d(1.5), r"Dropout2d's p lies in \[0, 1\), not 1.5"),
        (lambda: ops.BatchNorm(momentum=2), "momentum lies between 0 and 1 or is None, not 2"),
        (lambda: ops.LayerNorm(()), r"dimensions of 1 or more, not \(\)"),
        (lambda: ops.LayerNorm((3, 0)), r"dimensions of 1 or more, not \(3, 0\)"),
        (lambda: ops.GroupNorm(0), "1 group or more, not 0"),
        (lambda: ops.GELU("erf"), "approximate is 'none' or 'tanh', not 'erf'"),
        (lambda: ops.Softplus(beta=0), "a beta above 0, not 0"),
        (lambda: ops.Softplus(threshold=-1), "a threshold of 0 or more, not -1"),
        (lambda: ops.Hardtanh(1, 0), "min_val 1 must not be above its max_val 0"),
        (lambda: ops.LocalResponseNorm(0), "LocalResponseNorm needs a size of 1 or more, not 0"),
        (lambda: ops.QuantizeLinear(0.1, grid="uint9"), "unknown grid of QuantizeLinear 'uint9'"),
        (lambda: ops.CELU(0), "CELU needs an alpha above 0, not 0"),
        (lambda: ops.PReLU(0), "PReLU's num_parameters is a whole number >= 1 or a shape, not 0"),
        (lambda: ops.BatchNorm(eps=0.0), "BatchNorm's eps is above 0, not 0.0"),
        (lambda: ops.LayerNorm(2, eps=-0.5), "LayerNorm's eps is 0 or more, not -0.5"),
        (lambda: ops.GroupNorm(2, eps=-0.5), "GroupNorm's eps is 0 or more, not -0.5"),
        (lambda: ops.SoftmaxCrossEntropy(label_smoothing=1), "label smoothing lies in"),
        (lambda: ops.NLLLoss(reduction="none"), "unknown reduction of NLLLoss 'none'"),
        (lambda: ops.MSE(reduction="some"), "unknown reduction of MSE 'some'"),
        (lambda: ops.SmoothL1(0), "SmoothL1's beta is above 0, not 0; L1 is what it becomes at 0"),
        (lambda: ops.BCEWithLogits(0), "BCEWithLogits' pos_weight is above 0, not 0"),
        (lambda: ops.BCEWithLogits((1, -2)), r"BCEWithLogits' pos_weight is above 0, not \(1, -2\)"),
        (lambda: ops.SoftDice(-1), "SoftDice's smooth is 0 or more, not -1"),
        (lambda: ops.Hinge(p=3), "Hinge's p is 1 or 2, not 3"),
        (lambda: ops.View((-1, 2, -1)), r"View to \(-1, 2, -1\) leaves more than one dimension open"),
        (lambda: ops.Cast("string"), "unknown kind of Cast 'string'"),
        (lambda: ops.Compare("les"), "did you mean less"),
        (lambda: ops.View((2, 0)), "a dimension is a whole number >= 1"),
        (lambda: ops.Slice((1, 2), (0, 1, 2)), r"Slice has one start an axis of \(1, 2\), not 3"),
        (lambda: ops.Slice(1, step=0), "Slice's step is not 0"),
    ],
)
def test_refuses_bad_attributes(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (ops.Linear(2), [Shape("N")], "N, ..., features"),
        (ops.Linear(2), [Shape(3, "N")], "N, ..., features"),
        (ops.Conv2d(2, 3), [Shape(4, "N", 5, 5)], "takes images of shape"),
        (ops.Flatten(), [Shape(4, "N")], r"takes an input of shape \(N, ...\), not \(4, N\)"),
        (ops.Softmax(axis=0), [Shape("N", 3)], "axis 0"),
        (ops.Softmax(axis=2), [Shape("N", 3)], "axis 2 does not fit"),
        (ops.LogSoftmax(axis=-2), [Shape("N", 3)], "axis -2 does not fit"),
        (ops.Softmax(), [Shape("N")], r"along axis 1 does not fit \(N,\); it has no fixed axis"),
        (ops.BatchNorm(), [Shape("N")], r"takes an input of shape \(N, features\) or \(N, C, H, W\)"),
        (ops.LayerNorm((2, 3)), [Shape("N", 3, 2)], r"takes an input of shape \(..., 2, 3\), not \(N, 3, 2\)"),
        (ops.LayerNorm((2, 3)), [Shape("N", 3)], r"takes an input of shape \(..., 2, 3\)"),
        (ops.GroupNorm(2), [Shape("N", 3)], "with C a multiple of 2"),
        (ops.LocalResponseNorm(3), [Shape("N", 3)], r"takes an input of shape \(N, C, ...\), not \(N, 3\)"),
        (ops.DequantizeLinear((0.1, 0.2)), [Shape("N", 3)], "has 2 scales or zero points, which do not fit axis 1"),
        (ops.PReLU(2), [Shape("N", 3, 2)], r"PReLU\(2\) does not fit an input of shape \(N, 3, 2\)"),
        (ops.PReLU((3, 1, 1)), [Shape("N", 3)], "PReLU.*does not fit"),
        (ops.Dropout2d(), [Shape("N", 3)], r"takes an input of shape \(N, C, H, W\), not \(N, 3\)"),
        (ops.Mul(), [Shape("N", 2), Shape("N", 3)], "Mul takes two inputs of equal shape"),
        (ops.Reshape((5,)), [Shape("N", 6)], "needs 5 elements a sample, not 6"),
        (ops.Reshape((4, -1)), [Shape("N", 6)], r"Reshape to \(4, -1\) needs a multiple of 4 elements a sample, not 6"),
        (ops.Reshape((-1, -1)), [Shape("N", 6)], "leaves more than one dimension open"),
        (ops.Add(), [Shape("N", 2), Shape("N", 3)], r"not \(N, 2\) and \(N, 3\)"),
        (ops.WeightedSum((1, 2)), [Shape()], "WeightedSum takes 2 inputs, one a weight, not 1"),
        (ops.WeightedSum((1, 2)), [Shape("N", 2), Shape("N")], r"equal shape, not \(N, 2\) and \(N,\)"),
        (ops.Concat(), [], "Concat takes one input or more"),
        (ops.Concat(), [Shape("N", 2, 2), Shape("N", 2, 3)], "differ in axis 1 alone"),
        (ops.Concat(axis=-1), [Shape("N", 2, 2), Shape("N", 3, 2)], "differ in axis 2 alone"),
        (ops.Concat(axis=2), [Shape("N", 2)], r"along axis 2 takes inputs that have it, not \(N, 2\)"),
        (ops.Concat(axis=0), [Shape("N", 2), Shape(3, 2)], r"cannot put the batch of \(N, 2\) beside a fixed number"),
        (ops.View((2, 3)), [Shape("N", 6)], r"View to \(2, 3\) needs 6 elements, not 6·N"),
        (ops.View(("N", 4)), [Shape("N", 6)], r"View to \(N, 4\) needs 4·N elements, not 6·N"),
        (ops.View((4, -1)), [Shape("N", 6)], r"View to \(4, -1\) needs a multiple of 4 elements, not 6·N"),
        (ops.View((4, -1)), [Shape(6)], r"View to \(4, -1\) needs a multiple of 4 elements, not 6"),
        (ops.Permute((1, 0)), [Shape("N", 2, 3)], r"Permute\(\(1, 0\)\) names 2 axes where \(N, 2, 3\) has 3"),
        (ops.Permute((0, 3, 1)), [Shape("N", 2, 3)], r"names an axis that \(N, 2, 3\) does not have"),
        (ops.Permute((0, 1, -2)), [Shape("N", 2, 3)], r"names an axis of \(N, 2, 3\) twice"),
        (ops.Slice(1, 3), [Shape("N", 3)], r"leaves nothing of \(N, 3\)"),
        (ops.Slice(0, 1), [Shape("N", 3)], r"takes a part of the batch of \(N, 3\)"),
        (ops.Slice(0, 0, None, 2), [Shape("N", 3)], r"takes a part of the batch of \(N, 3\)"),
        (ops.Slice(2), [Shape("N", 3)], r"names an axis that \(N, 3\) does not have"),
        (ops.Expand((2, 3)), [Shape("N", 3)], r"cannot broadcast \(N, 3\) (and|to) \(2, 3\)"),
        (
            ops.Expand((3,)),
            [Shape(2, 3)],
            r"takes an input of as many axes at most, with one for each -1, not \(2, 3\)",
        ),
        (ops.Expand((-1, 3)), [Shape(3)], r"with one for each -1, not \(3,\)"),
        (ops.IndexSelect(1, (3,)), [Shape("N", 3)], r"one place or more, in -3..2, not \(3,\)"),
        (ops.IndexSelect(1, ()), [Shape("N", 3)], r"one place or more, in -3..2, not \(\)"),
        (ops.IndexSelect(0, (0,)), [Shape("N", 3)], r"axis 0 of \(N, 3\) is the batch"),
        (ops.Take(), [Shape("N", 3), Shape(2)], r"axis 0 of \(N, 3\) is the batch"),
        (ops.ArgMax(0), [Shape("N", 3)], r"axis 0 of \(N, 3\) is the batch"),
        (ops.ArgMax(2), [Shape("N", 3)], r"\(N, 3\) has no axis 2"),
        (
            ops.Where(),
            [Shape("N", 3), Shape(2), Shape()],
            r"cannot broadcast \(N, 3\) and \(2,\) and \(\) to one shape",
        ),
        (ops.MatMul(), [Shape("N", 2, 3), Shape(2, 3)], r"takes \(..., M, K\) and \(..., K, P\), not \(N, 2, 3\) and"),
        (ops.MatMul(), [Shape(), Shape(2, 3)], r"not \(\) and \(2, 3\)"),
        (ops.MatMul(), [Shape("N", 4, 2, 3), Shape(2, 3, 2)], r"cannot broadcast \(N, 4\) and \(2,\) to one shape"),
        (ops.MSE(), [Shape("N", 2), Shape("N", 3)], "of equal shape"),
        (ops.SoftmaxCrossEntropy(), [Shape("N", 2, 2), Shape("N")], "takes logits"),
        (
            ops.NLLLoss(),
            [Shape("N", 2, 3, 4), Shape("N", 4, 3)],
            r"not \(N, 2, 3, 4\) and \(N, 4, 3\)",
        ),
        (ops.NLLLoss(class_weights=(1.0,)), [Shape("N", 2), Shape("N")], "takes 2 class_weights, one a class, not 1"),
        (ops.BCEWithLogits((1, 2)), [Shape("N", 3)] * 2, r"has one pos_weight a channel of \(N, 3\), not 2"),
        (ops.L1(), [Shape("N", 3)], "L1 takes a prediction and a target, not 1 inputs"),
        (ops.L1(sample_weights=True), [Shape("N", 3)] * 2, "a target and sample weights, not 2 inputs"),
        (ops.L1(sample_weights=True), [Shape("N", 3)] * 3, r"L1 takes one weight a sample, \(N,\), not \(N, 3\)"),
    ],
    ids=lambda value: str(value) if not isinstance(value, str | list) else "",
)
def test_refuses_shapes(op, shapes, message):
    with pytest.raises(UserError, match=message):
        op.output_shape(*shapes)


def test_dropout_mask_depends_on_seed_step_and_node_alone():
    def mask(seed=0, step=0, node="drop", shape=(64, 32)):
        return ops.Dropout(0.4).mask(shape, seed, step, node)

    np.testing.assert_array_equal(mask(), mask())
    np.testing.assert_array_equal(mask().ravel(), mask(shape=(64 * 32,)), err_msg="the shape only folds the bits")
    for other in (mask(seed=1), mask(step=1), mask(node="other")):
        assert 0.4 < np.mean(mask() == other) < 0.65, "as often equal as independent masks are: 0.52"


def test_dropout_keeps_its_share():
    kept = ops.Dropout(0.3).mask((400, 400), 0, 0, "drop").mean()
    assert kept == pytest.approx(0.7, abs=5 * (0.3 * 0.7) ** 0.5 / 400)


def test_dropout2d_draws_one_number_a_channel():
    op = ops.Dropout2d(0.5)
    mask = op.mask((8, 16, 5, 7), 0, 0, "drop")
    assert mask.shape == (8, 16, 1, 1)
    np.testing.assert_array_equal(mask.ravel(), ops.Dropout(0.5).mask((8 * 16,), 0, 0, "drop"))


def test_layer_norm_takes_one_number_for_one_axis():
    assert ops.LayerNorm(5) == ops.LayerNorm((5,))
    assert str(ops.LayerNorm((3, 4), bias=False)) == "LayerNorm((3, 4), bias=False)"


@pytest.mark.parametrize(
    ("op", "kinds", "message"),
    [
        (ops.Take(), ("float", "float"), "Take takes ints, not float"),
        (ops.Where(), ("float", "float", "float"), "Where takes bools, not float"),
        (ops.Where(), ("bool", "float", "int"), "of one kind, not float and int; Cast converts"),
        (ops.Compare("less"), ("bool", "bool"), "Compare takes floats or ints of one kind, not bool and bool"),
        (ops.LogicalAnd(), ("bool", "int"), "LogicalAnd takes bools, not bool and int"),
        (ops.IsNaN(), ("int",), "IsNaN takes floats, not int"),
        (ops.ArgMax(0), ("bool",), "ArgMax takes floats or ints, not bool"),
        (ops.MatMul(), ("int", "int"), "MatMul takes floats, not int and int"),
    ],
    ids=lambda value: str(value) if not isinstance(value, str) else "",
)
def test_refuses_kinds(op, kinds, message):
    with pytest.raises(UserError, match=message):
        op.kind_of(*kinds)


@pytest.mark.parametrize(
    ("op", "kinds", "kind"),
    [
        (ops.View((2,)), ("int",), "int"),
        (ops.Take(), ("bool", "int"), "bool"),
        (ops.Where(), ("bool", "int", "int"), "int"),
        (ops.Cast("float"), ("bool",), "float"),
        (ops.Compare("equal"), ("bool", "bool"), "bool"),
        (ops.ArgMax(1), ("float",), "int"),
        (ops.Concat(), ("int", "int", "int"), "int"),
    ],
    ids=str,
)
def test_what_the_output_holds(op, kinds, kind):
    assert op.kind_of(*kinds) == kind
