"""A gradient that is off by the factor 1.000001 is rejected, whatever the operation and the tensor."""

from dataclasses import replace

import numpy as np
import pytest

from backproof.engines import get_engine
from backproof.ops import GELU, MSE, BatchNorm, Conv2d, LayerNorm, Linear, SoftmaxCrossEntropy, Tanh
from backproof.verify import check_gradients
from backproof.verify.core.case import make_case, results
from backproof.verify.core.tolerances import difference
from backproof.verify.operations.complex_step import complex_gradients

OPS = (Linear, Conv2d, BatchNorm, LayerNorm, GELU, Tanh, MSE, SoftmaxCrossEntropy)


class OffByAMillionth:
    """A trainer whose gradient of one tensor is too long."""

    def __init__(self, trainer, name):
        self._trainer = trainer
        self._name = name
        self.graph, self.dtype = trainer.graph, trainer.dtype
        self.forward, self.load, self.parameters = trainer.forward, trainer.load, trainer.parameters

    def gradients(self, inputs, mode, optimizer=None):
        def longer(gradients):
            return {name: g * (1.000001 if name == self._name else 1) for name, g in gradients.items()}

        found = self._trainer.gradients(inputs, mode, optimizer)
        return replace(found, parameters=longer(found.parameters), inputs=longer(found.inputs))


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_a_millionth_is_too_much(op, seed):
    case = make_case(next(op.samples()), seed)
    trainer = get_engine("numpy").compile(case.graph, case.parameters, dtype="float64")
    found = trainer.gradients(case.inputs, case.mode)
    right = check_gradients(trainer, case.inputs, case.mode, rng=np.random.default_rng(seed))
    assert right.passed
    for name in (*found.parameters, *found.inputs):
        wrong = OffByAMillionth(trainer, name)
        report = check_gradients(wrong, case.inputs, case.mode, rng=np.random.default_rng(seed))
        assert [tensor.name for tensor in report.failures] == [name]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
def test_complex_steps_are_right_to_the_last_digits(op):
    for sample in (sample for sample in op.samples() if sample.finite):
        case = make_case(sample, 0)
        found = results(get_engine("reference").compile(case.graph, case.parameters, dtype="float64"), case)
        for what, exact in complex_gradients(case).items():
            assert difference(found[what], exact) <= 1e-13, f"{what} of {sample}"
            assert difference(found[what] * (1 + 1e-11), exact) > 1e-13 or np.max(np.abs(exact)) < 1e-2
