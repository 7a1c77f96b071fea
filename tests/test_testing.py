"""What users call in their own tests."""

from dataclasses import dataclass

import numpy as np
import pytest

import backproof as bp
from backproof.engines import get_engine
from backproof.errors import UserError
from backproof.graph import Op, Sample
from backproof.ops import Linear, Tanh


def declare(slope):
    @dataclass(frozen=True)
    class Twice(Op):
        def output_shape(self, *inputs):
            return inputs[0]

        @classmethod
        def samples(cls):
            yield Sample(op=cls(), shapes=((3, 2),))

    @bp.testing.kernel(Twice)
    class TwiceKernel:
        def forward(self, op, inputs, p, call):
            return 2 * inputs[0], ()

        def backward(self, op, dy, saved, p, g, call):
            return (slope * dy,)

    return Twice


def test_an_operation_of_their_own():
    bp.testing.assert_op(declare(2))
    with pytest.raises(AssertionError, match=r"\d+ of \d+ comparisons disagree\n.*gradient of input x0") as found:
        bp.testing.assert_op(declare(2.00001))
    assert "backward gives 2.00001, the outputs of forward 2" in str(found.value)


def test_one_case_of_an_operation_of_their_own():
    Twice = declare(2)
    bp.testing.assert_case(Twice(), [[4.0, 1.0]])
    with pytest.raises(bp.UserError, match=r"dy has shape \(1,\) where the output of Twice\(\) has \(1, 2\)"):
        bp.testing.assert_case(Twice(), [[4.0, 1.0]], dy=[1.0])
    with pytest.raises(bp.UserError, match="Tanh has no kernel of yours"):
        bp.testing.assert_case(Tanh(), [[4.0]])
    wrong = declare(3)
    with pytest.raises(
        AssertionError, match=r"Twice\(\) on \(1, 1\) \[train\]: gradient of input x0, .* backward gives 3"
    ):
        bp.testing.assert_case(wrong(), [[4.0]])


def test_operations_of_ours():
    bp.testing.assert_op(Tanh, seeds=(0,))
    bp.testing.assert_op(Linear, engines=["numpy"], seeds=(0,))
    bp.testing.assert_engines_agree(["numpy", "reference"], [Linear, Tanh], seeds=(0,))


def test_optimizers():
    bp.testing.assert_optimizer("adamw", engines=["numpy"])
    with pytest.raises(UserError, match="needs engines to hold AdamW against"):
        bp.testing.assert_optimizer("adamw")


def test_an_engine_that_is_wrong_says_where():
    class Wrong(type(get_engine("numpy"))):
        name = "wrong"

        def compile(self, *args, **options):
            trainer = super().compile(*args, **options)
            load = trainer.load
            trainer.load = lambda parameters: load({name: np.asarray(p) * 1.001 for name, p in parameters.items()})
            return trainer

    with pytest.raises(AssertionError, match=r"Linear.*output of wrong in float64 differs \(reference: reference\)"):
        bp.testing.assert_engines_agree([Wrong()], [Linear], seeds=(0,))
