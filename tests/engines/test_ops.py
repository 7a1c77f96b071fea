"""Every operation, on all its samples, in every engine, against the reference."""

import numpy as np
import pytest

import backproof.ops  # noqa: F401  (fills the registry)
from backproof.graph import OPERATIONS
from backproof.verify import compare_ops
from backproof.verify.core.case import make_case, run_case

pytestmark = pytest.mark.parametrize(
    "sample", [sample for op in OPERATIONS.values() for sample in op.samples()], ids=str
)


@pytest.fixture(autouse=True)
def _has_a_kernel(engine, sample):
    if type(sample.op) not in engine.operations:
        pytest.skip(f"engine '{engine.name}' has no kernel for {type(sample.op).__name__}")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_agrees_with_the_reference(engine, reference, sample, dtype):
    if engine.name == "reference" and dtype == "float32":
        pytest.skip("the reference engine computes in float64")
    for seed in range(3):
        assert [d for d in compare_ops(engine, reference, sample, seed, dtype) if not d.passed] == []


def test_shapes_and_dtypes(engine, sample):
    dtype = "float64" if engine.name == "reference" else "float32"
    case = make_case(sample, 0)
    trainer = engine.compile(case.graph, case.parameters, dtype=dtype)
    N = sample.shapes[0][0]
    values = trainer.forward(case.inputs, case.mode, want=[node.name for node in case.graph.nodes])
    assert {name: value.shape for name, value in values.items()} == {
        node.name: node.shape.bind(N) for node in case.graph.nodes
    }
    found = trainer.gradients(case.inputs, case.mode)
    assert {name: g.shape for name, g in found.parameters.items()} == {
        name: spec.shape for name, spec in case.graph.parameters.items() if spec.trainable
    }
    assert {name: g.shape for name, g in found.inputs.items()} == {
        i.name: i.shape.bind(N) for i in case.graph.inputs if i.kind == "float"
    }
    arrays = [*values.values(), found.output, *found.parameters.values(), *found.inputs.values(), *found.state.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_changes_neither_inputs_nor_trainer(engine, sample):
    case = make_case(sample, 0)
    trainer = engine.compile(case.graph, case.parameters, dtype="float64")
    inputs = {name: value.copy() for name, value in case.inputs.items()}
    first = trainer.gradients(case.inputs, case.mode)
    trainer.forward(case.inputs, case.mode)
    again = trainer.gradients(case.inputs, case.mode)
    assert first.loss == again.loss
    for name, value in case.inputs.items():
        np.testing.assert_array_equal(value, inputs[name])
    for name, value in trainer.parameters().items():
        np.testing.assert_array_equal(value, case.parameters[name])
    for name, g in first.parameters.items():
        np.testing.assert_array_equal(g, again.parameters[name])
    for name, g in first.inputs.items():
        np.testing.assert_array_equal(g, again.inputs[name])


def test_takes_arrays_of_any_layout(engine, sample):
    case = make_case(sample, 0)
    expected = run_case(engine, case)

    def strided(array):
        doubled = np.repeat(array, 2, axis=-1)
        doubled[..., 1::2] = 7  # what lies between must not be read
        return doubled[..., ::2]

    def frozen(array):
        array = array.copy()
        array.flags.writeable = False
        return array

    for layout in (strided, np.asfortranarray, frozen, lambda a: a[::-1].copy()[::-1]):
        changed = {name: layout(value) for name, value in case.inputs.items()}
        found = run_case(engine, type(case)(case.graph, case.parameters, changed, case.mode))
        for what, value in expected.items():
            np.testing.assert_allclose(found[what], value, rtol=1e-13, atol=1e-13, err_msg=what)


def test_running_statistics_move_in_training_only(engine, sample):
    case = make_case(sample, 0)
    trainer = engine.compile(case.graph, case.parameters, dtype="float64")
    states = {name for name, spec in case.graph.parameters.items() if not spec.trainable}
    found = trainer.gradients(case.inputs, case.mode)
    assert set(found.state) == (states if sample.training else set())
    assert all(np.any(value != case.parameters[name]) for name, value in found.state.items())
