"""Cases are drawn from a seed, and how sensitive one is to rounding is measured."""

from dataclasses import replace
from functools import partial

import numpy as np

from backproof.engines import get_engine
from backproof.graph import Sample
from backproof.ops import BatchNorm, Linear, SoftmaxCrossEntropy
from backproof.verify.core.case import ROOM, for_prediction, make_case, run_case, sensitivity
from backproof.verify.core.location import LOSS, OUTPUT
from backproof.verify.core.tolerances import difference, tolerance


def test_an_ill_conditioned_case_is_given_room():
    """Four numbers that are nearly equal: in float32 every engine is far off, and none is wrong."""
    numpy, reference = get_engine("numpy"), get_engine("reference")
    case = make_case(Sample(op=BatchNorm(eps=1e-12), shapes=((4, 1),)), 0)
    close = replace(case, inputs=case.inputs | {"x0": 1 + 1e-3 * case.inputs["x0"]})
    right, found = run_case(reference, close), run_case(numpy, close, "float32")
    error = max(difference(found[location], value) for location, value in right.items())
    strict = tolerance("float32", close.terms)
    assert strict < error <= strict + ROOM * sensitivity(partial(run_case, reference), close, right, "float32")


def test_cases_are_drawn_from_the_seed():
    sample = next(BatchNorm.samples())
    one, again, other = make_case(sample, 0), make_case(sample, 0), make_case(sample, 1)
    np.testing.assert_array_equal(one.inputs["x0"], again.inputs["x0"])
    assert np.any(one.inputs["x0"] != other.inputs["x0"])
    assert np.all(one.parameters["op.running_var"] > 0)


def test_for_prediction_there_is_no_loss_behind_an_operation():
    case = for_prediction(make_case(next(Linear.samples()), 0))
    assert (case.graph.loss, case.mode.training, set(case.inputs)) == (None, False, {"x0"})
    assert set(run_case(get_engine("numpy"), case)) == {OUTPUT}
    loss = for_prediction(make_case(next(SoftmaxCrossEntropy.samples()), 0))
    assert {OUTPUT, LOSS} <= set(run_case(get_engine("numpy"), loss))
