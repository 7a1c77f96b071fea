"""The gradient check passes right gradients, and names the tensor of every planted fault."""

import numpy as np
import pytest

import backproof.ops  # noqa: F401  (fills the registry)
from backproof.engines import ENGINES, Mode, get_engine, installed
from backproof.engines.reference.kernels import KERNELS
from backproof.errors import UserError
from backproof.graph import Builder, Graph, Sequential, Shape, initial_parameters
from backproof.ops import MSE, BatchNorm, Dropout, Linear, ReLU, SoftmaxCrossEntropy, Tanh
from backproof.optim import SGD
from backproof.verify import GradientReport, Probe, TensorCheck, check_gradients

MODE = Mode(training=True, seed=1, step=4)
L2 = SGD(weight_decay=0.05)


def network(activation=Tanh) -> Graph:
    net = Builder(Shape("N", 4))
    h = net("fc1", Linear(6), net.x)
    h = net("bn", BatchNorm(), h)
    h = net("act", activation(), h)
    h = net("drop", Dropout(0.3), h)
    h = net("fc2", Linear(6), h)
    return net.graph(net("head", Linear(3), h)).with_loss(SoftmaxCrossEntropy())


def batch(n=8):
    rng = np.random.default_rng(2)
    return {"x": rng.standard_normal((n, 4)), "y": rng.integers(0, 3, n)}


def rng():
    return np.random.default_rng(0)


def trainer_of(graph, engine="reference"):
    return get_engine(engine).compile(graph, initial_parameters(graph, 3), dtype="float64")


@pytest.mark.parametrize(
    "engine", [name for name in ENGINES if installed(name) and get_engine(name).capabilities.trains]
)
@pytest.mark.parametrize("activation", [Tanh, ReLU])
def test_a_whole_network_with_decay_dropout_and_batch_statistics(engine, activation):
    trainer = trainer_of(network(activation), engine)
    before = trainer.parameters()
    report = check_gradients(trainer, batch(), MODE, L2, rng=rng())
    assert report.passed, str(report)
    assert report.error <= 1e-7
    assert [tensor.name for tensor in report.tensors if tensor.kind == "parameter"] == [
        name for name, spec in trainer.graph.parameters.items() if spec.trainable
    ]
    assert [tensor.name for tensor in report.tensors if tensor.kind == "input"] == ["x"]
    for name, value in trainer.parameters().items():
        np.testing.assert_array_equal(value, before[name], err_msg="the trainer is left as it was")


def plant(monkeypatch, op, change):
    """Let the reference's kernel of `op` go wrong: `change(dxs, g)` alters what its backward made."""
    right = type(KERNELS[op])

    class Wrong(right):
        def backward(self, op, dy, saved, p, g, call):
            return change(super().backward(op, dy, saved, p, g, call), g)

    monkeypatch.setitem(KERNELS, op, Wrong())


def wrong_tensors(graph=None, optimizer=L2):
    report = check_gradients(trainer_of(graph or network()), batch(), MODE, optimizer, rng=rng())
    assert not report.passed
    return {tensor.name for tensor in report.failures}


WEIGHTS = {"fc1.weight", "fc2.weight", "head.weight"}
BIASES = {"fc1.bias", "fc2.bias", "head.bias"}


def scaled(key, factor):
    def change(dxs, g):
        g[key][...] *= factor
        return dxs

    return change


@pytest.mark.parametrize("factor", [1.000001, 0.999999, 2.0, -1.0, 0.0])
def test_a_wrong_factor_in_one_gradient(monkeypatch, factor):
    plant(monkeypatch, Linear, scaled("weight", factor))
    assert wrong_tensors(optimizer=None) == WEIGHTS


@pytest.mark.parametrize("factor", [1.000001, 0.0])
def test_a_missing_or_wrong_bias_gradient(monkeypatch, factor):
    plant(monkeypatch, Linear, scaled("bias", factor))
    # In front of batch normalisation a bias has no effect, so its gradient is 0 however it is scaled.
    assert wrong_tensors() == BIASES - {"fc1.bias"}


def test_a_transposed_weight_gradient(monkeypatch):
    def change(dxs, g):
        if g["weight"].shape[0] == g["weight"].shape[1]:
            g["weight"][...] = g["weight"].T.copy()
        return dxs

    plant(monkeypatch, Linear, change)
    assert wrong_tensors() == {"fc2.weight"}, "the only square one"


def test_one_wrong_element(monkeypatch):
    def change(dxs, g):
        if g["weight"].shape == (3, 6):
            g["weight"][2, 1] *= 1.5
        return dxs

    plant(monkeypatch, Linear, change)
    assert wrong_tensors() == {"head.weight"}


def test_a_fault_on_the_way_back_shows_in_all_that_lies_below(monkeypatch):
    plant(monkeypatch, Tanh, lambda dxs, g: (1.000001 * dxs[0],))
    assert wrong_tensors(optimizer=None) == {"fc1.weight", "bn.weight", "bn.bias", "x"}


def test_a_dropout_that_forgets_its_mask(monkeypatch):
    right = type(KERNELS[Dropout])

    class Unmasked(right):
        def backward(self, op, dy, saved, p, g, call):
            return (dy / (1 - op.p),)

    monkeypatch.setitem(KERNELS, Dropout, Unmasked())
    assert "bn.weight" in wrong_tensors()


def test_batch_norm_as_if_its_statistics_were_constant(monkeypatch):
    right = type(KERNELS[BatchNorm])

    class Constant(right):
        def backward(self, op, dy, saved, p, g, call):
            super().backward(op, dy, saved, p, g, call)
            _, s = saved
            return (p["weight"] * dy / s,)

    monkeypatch.setitem(KERNELS, BatchNorm, Constant())
    assert {"fc1.weight", "fc1.bias", "x"} == wrong_tensors()


def test_a_loss_without_its_mean(monkeypatch):
    plant(monkeypatch, SoftmaxCrossEntropy, lambda dxs, g: (8 * dxs[0], None))
    assert "x" in wrong_tensors()


def test_decay_missing_from_the_gradient():
    """The cost has the penalty and the gradient has not."""
    trainer = trainer_of(network())
    plain = trainer.gradients

    class Forgetful:
        def __getattr__(self, name):
            return getattr(trainer, name)

        def gradients(self, inputs, mode, optimizer=None):
            return plain(inputs, mode, None)

    report = check_gradients(Forgetful(), batch(), MODE, L2, rng=rng())
    assert {tensor.name for tensor in report.failures} == WEIGHTS


def test_a_kink_is_left_out_and_counted():
    """x = 0 sits on the kink of ReLU, where the numerical derivative is one half and the analytical one 0."""
    graph = Sequential(ReLU()).build(Shape("N", 3)).with_loss(MSE())
    trainer = get_engine("reference").compile(graph, {})
    x = np.array([[0.0, 1.0, -1.0], [4e-6, 2.0, -2.0]])
    report = check_gradients(trainer, {"x": x, "y": np.ones((2, 3))}, MODE, rng=rng(), coordinates=6)
    assert report.passed, str(report)
    (on_x,) = [tensor for tensor in report.tensors if tensor.name == "x"]
    assert {probe.where for probe in on_x.probes if probe.verdict == "kink"} >= {"[0, 0]", "[1, 0]"}
    assert on_x.checked >= 4
    assert "at kinks" in str(on_x)


def test_a_network_that_sits_on_kinks_is_checked_from_nearby(monkeypatch):
    """Nothing can be said at x = 0; a step aside a right gradient passes, and a wrong one does not."""
    graph = Sequential(ReLU()).build(Shape("N", 3)).with_loss(MSE())
    inputs = {"x": np.zeros((1, 3)), "y": np.ones((1, 3))}
    trainer = get_engine("reference").compile(graph, {})
    report = check_gradients(trainer, inputs, MODE, rng=rng())
    assert report.passed, str(report)
    assert report.kinks > 0
    plant(monkeypatch, ReLU, lambda dxs, g: (1.000001 * dxs[0],))
    report = check_gradients(get_engine("reference").compile(graph, {}), inputs, MODE, rng=rng())
    assert [tensor.name for tensor in report.failures] == ["x"]


def test_a_tensor_of_which_nothing_can_be_said_does_not_pass():
    kinks = TensorCheck("w", "parameter", (Probe("[0]", 1.0, 0.5, 0.3, "kink"),), 1.0)
    report = GradientReport((kinks,), 1.0)
    assert not report.passed
    assert report.failures == ()
    assert report.unchecked == (kinks,)


def test_a_wrong_gradient_beside_kinks_is_still_found(monkeypatch):
    plant(monkeypatch, ReLU, lambda dxs, g: (1.01 * dxs[0],))
    assert wrong_tensors(network(ReLU)) >= {"fc1.weight", "x"}


def test_names_where_and_how_wrong(monkeypatch):
    plant(monkeypatch, Linear, scaled("weight", 2.0))
    report = check_gradients(trainer_of(network()), batch(), MODE, rng=rng())
    worst = report.failures[0].worst
    assert worst.error == pytest.approx(1 / 3, rel=0.01)
    assert worst.analytical == pytest.approx(2 * worst.numerical, rel=1e-6)
    assert "parameter fc1.weight: error 3.3e-01" in str(report)
    assert f"WRONG at {worst.where}: analytical" in str(report)


def test_float32_is_refused():
    graph = network()
    trainer = get_engine("numpy").compile(graph, initial_parameters(graph), dtype="float32")
    with pytest.raises(UserError, match="needs a trainer in float64, not in float32"):
        check_gradients(trainer, batch(), MODE, rng=rng())


def test_the_trainer_is_restored_even_when_a_probe_fails():
    trainer = trainer_of(network())
    before = trainer.parameters()
    calls = iter(range(10))

    class Failing:
        def __getattr__(self, name):
            return getattr(trainer, name)

        def forward(self, *args):
            if next(calls) == 5:
                raise RuntimeError("stop")
            return trainer.forward(*args)

    with pytest.raises(RuntimeError, match="stop"):
        check_gradients(Failing(), batch(), MODE, rng=rng())
    for name, value in trainer.parameters().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("cost", [np.nan, np.inf])
def test_a_cost_that_is_not_finite_is_told_as_that_and_not_as_a_wrong_gradient(cost):
    graph = Sequential(("fc", Linear(2))).build(Shape("N", 3)).with_loss(MSE())
    parameters = {"fc.weight": np.full((2, 3), cost), "fc.bias": np.zeros(2)}
    inputs = {"x": np.ones((2, 3)), "y": np.zeros((2, 2))}
    trainer = get_engine("numpy").compile(graph, parameters, dtype="float64")
    with np.errstate(all="ignore"):
        report = check_gradients(trainer, inputs, Mode(), rng=np.random.default_rng(0))
    assert (report.diverged, report.passed, report.failures) == (True, False, ())
    assert f"the cost is {cost}: the training has diverged" in str(report)


def test_how_large_a_gradient_is_is_told():
    graph = Sequential(("fc", Linear(1, bias=False))).build(Shape("N", 1)).with_loss(MSE())
    trainer = get_engine("numpy").compile(graph, {"fc.weight": np.array([[3.0]])}, dtype="float64")
    inputs = {"x": np.array([[2.0]]), "y": np.array([[0.0]])}
    report = check_gradients(trainer, inputs, Mode(), rng=np.random.default_rng(0))
    assert {tensor.name: tensor.largest for tensor in report.tensors} == {"fc.weight": 24.0, "x": 36.0, "y": 12.0}
    assert "parameter fc.weight: error" in str(report)
    assert "of gradients up to 2.4e+01" in str(report)
