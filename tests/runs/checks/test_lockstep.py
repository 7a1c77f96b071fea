"""A second engine beside a run: it finds a wrong step, names it, and leaves the run alone."""

import numpy as np
import pytest

from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.errors import CheckFailedError, UserError
from backproof.runs.launch import run
from backproof.train.events import EnginesCompared, Observer


class Keep(Observer):
    def __init__(self) -> None:
        self.events: list[EnginesCompared] = []

    def engines_compared(self, event: EnginesCompared) -> None:
        self.events.append(event)


@pytest.fixture
def wrong_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """A NumPy engine that from the eighth step on moves one weight by one millionth of a step too much."""
    right = NumpyTrainer.train_step

    def train_step(self, inputs, optimizer, mode, watch=None):
        before = self.parameters()["fc2.weight"]
        result = right(self, inputs, optimizer, mode, watch)
        if mode.step >= 7:
            after = self.parameters()
            self.load(after | {"fc2.weight": after["fc2.weight"] + 1e-3 * (after["fc2.weight"] - before)})
        return result

    monkeypatch.setattr(NumpyTrainer, "train_step", train_step)


def test_the_step_and_the_tensor_are_named(make_spec, wrong_update: None) -> None:
    with pytest.raises(
        UserError,
        match=r"engines part: epoch 2, step 8: numpy parts from reference in weights of fc2.weight, off by .*"
        r"every node is right",
    ):
        run(make_spec(check_against="reference", dtype="float64"), [keep := Keep()])
    assert [event.passed for event in keep.events] == [True] * 7 + [False]


def test_a_wrong_node_is_named(make_spec, monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.engines.numpy.kernels import KERNELS
    from backproof.ops import SoftmaxCrossEntropy

    class Wrong(type(KERNELS[SoftmaxCrossEntropy])):
        def backward(self, op, dy, saved, p, g, call):
            dx, *rest = super().backward(op, dy, saved, p, g, call)
            return (1.01 * dx, *rest)

    monkeypatch.setitem(KERNELS, SoftmaxCrossEntropy, Wrong())
    with pytest.raises(UserError, match=r"epoch 1, step 1: .*the first error source is loss, SoftmaxCrossEntropy"):
        run(make_spec(check_against="reference"))


def test_a_warning_goes_on(make_spec, wrong_update: None) -> None:
    spec = make_spec(check_against="reference", check_against_action="warn", check_every=3, dtype="float64")
    done = run(spec, [keep := Keep()])
    assert done.status == "finished"
    assert [(event.step, event.passed) for event in keep.events] == [(1, True), (4, True), (7, True), (10, False)]


@pytest.mark.parametrize(("engine", "other"), [("numpy", "reference"), ("numpy", "torch"), ("torch", "numpy")])
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_bits_are_the_same_with_and_without(make_spec, engine: str, other: str, optimizer: str) -> None:
    if "torch" in (engine, other):
        pytest.importorskip("torch")
    options = {
        "engine": engine,
        "dropout": 0.3,
        "batch_norm": True,
        "batch_size": 8,
        "weight_decay": 0.1,
        "optimizer": optimizer,
        "learning_rate": 0.01,
        "epochs": 2,
    }
    alone = run(make_spec(**options))
    compared = run(make_spec(**options, check_against=other), [keep := Keep()])
    assert len(keep.events) == 10
    assert all(event.passed for event in keep.events), [event.message for event in keep.events]
    assert all(np.array_equal(compared.weights()[name], w) for name, w in alone.weights().items())
    ours, theirs = compared.checkpoint().optimizer, alone.checkpoint().optimizer
    assert all(np.array_equal(ours[name], a) for name, a in theirs.items())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"check_against": "nump"}, "unknown engine 'nump'; did you mean numpy"),
        ({"check_against": "numpy"}, "check_against=numpy is the run's own engine"),
        ({"check_against": "reference", "check_every": 0}, "check_every is 0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(make_spec, options, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        run(make_spec(**options))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["adamw", "adagrad"])
def test_batch_norm_of_two_samples_is_no_fault(make_spec, dtype: str, optimizer: str) -> None:
    """Nothing but rounding is left of the gradient in front of it, and the optimizer divides it by itself."""
    pytest.importorskip("torch")
    options = {"batch_norm": True, "layers": (8, 5), "batch_size": 2, "epochs": 2, "learning_rate": 0.01}
    run(make_spec(**options, optimizer=optimizer, dtype=dtype, check_against="torch"), [keep := Keep()])
    assert all(event.passed for event in keep.events)
    assert len(keep.events) == 40


def test_a_wrong_reference_is_named_and_not_the_run_s_engine(make_spec, monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.engines.reference.vectorised import VECTORISED
    from backproof.ops import Linear

    class Wrong(type(VECTORISED[Linear])):
        def backward(self, op, dy, saved, p, g, call):
            (dx,) = super().backward(op, dy, saved, p, g, call)
            g["weight"][:] *= 1.01
            return (dx,)

    monkeypatch.setitem(VECTORISED.maps[0], Linear, Wrong())
    with pytest.raises(CheckFailedError, match=r"step 1: reference parts from numpy in ") as found:
        run(make_spec(check_against="reference", layers=(300, 300), batch_size=20))
    assert "reference: the first error source is fc3, Linear" in str(found.value)
    assert "numpy: " not in str(found.value)


def test_a_wrong_update_of_the_second_engine_is_its_own(make_spec, wrong_update: None) -> None:
    pytest.importorskip("torch")
    with pytest.raises(CheckFailedError, match=r"step 8: numpy parts from torch in weights of fc2.weight") as found:
        run(make_spec(engine="torch", check_against="numpy", dtype="float64"))
    assert "numpy is wrong; weights of fc2.weight, side by side: reference, torch | numpy" in str(found.value)
