"""Faults planted in one engine's code: it is named, whichever engines are given in whichever order, and nobody else."""

from itertools import chain, combinations, permutations

import numpy as np
import pytest

from backproof.engines import ENGINES, Mode, get_engine, installed, reference_engine
from backproof.engines.numpy.convolution.winograd import Winograd
from backproof.engines.reference import kernels, optimizers, vectorised
from backproof.engines.sweep import Sweep
from backproof.graph import Builder, Shape, initial_parameters
from backproof.ops import Add, BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU, SoftmaxCrossEntropy
from backproof.optim import Adam
from backproof.verify import check_model, check_trajectory
from backproof.verify.networks.check import LOOPS

OTHERS = [name for name in ("numba", "torch", "jax") if installed(name)]
NAMES = ["numpy", *OTHERS]


def question(width=64, size=8):
    """A residual network; of 64 channels and more, the NumPy engine takes Winograd's way."""
    net = Builder(Shape("N", 3, size, size))
    h = net("relu1", ReLU(), net("conv1", Conv2d(width, 3, padding=1), net.x))
    branch = net("relu2", ReLU(), net("bn2", BatchNorm(), net("conv2", Conv2d(width, 3, padding=1, bias=False), h)))
    h = net("pool", MaxPool2d(4), net("add", Add(), branch, h))
    graph = net.graph(net("fc", Linear(3), net("flat", Flatten(), h))).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((4, 3, size, size)), "y": rng.integers(0, 3, 4)}
    return graph, initial_parameters(graph, 0), inputs


def named(report):
    """Who is wrong, by the report."""
    return {f.engine for f in report.failures}


def check(names, **options):
    return check_model(*question(**options), [get_engine(name) for name in names], mode=Mode(training=True))


def orders(names, wrong):
    """Every order of every set of engines in which somebody wrong is."""
    sets = chain.from_iterable(combinations(names, n) for n in range(1, len(names) + 1))
    return [order for some in sets if set(some) & wrong for order in permutations(some)]


# The faults. Each takes monkeypatch, and plants itself.


def in_winograd(monkeypatch):
    right = Winograd.input_gradient

    def wrong(self, dy, W, dx, call):
        right(self, dy, W, dx, call)
        dx.reshape(-1)[::3] *= 1.5

    monkeypatch.setattr(Winograd, "input_gradient", wrong)


def in_torch_forward(monkeypatch):
    from backproof.engines.torch.kernels import KERNELS

    right = KERNELS[Conv2d]
    monkeypatch.setitem(
        KERNELS, Conv2d, lambda op, inputs, p, call: right(op, inputs, p, call) + 0.01 * inputs[0].sum()
    )


def in_torch_backward(monkeypatch):
    from backproof.engines.torch.kernels import KERNELS

    right = KERNELS[MaxPool2d]

    def wrong(op, inputs, p, call):
        y = right(op, inputs, p, call)
        return 1.01 * y - 0.01 * y.detach()

    monkeypatch.setitem(KERNELS, MaxPool2d, wrong)


def in_jax_forward(monkeypatch):
    from backproof.engines.jax.kernels import KERNELS

    right = KERNELS[BatchNorm]
    monkeypatch.setitem(KERNELS, BatchNorm, lambda op, inputs, p, call: 1.001 * right(op, inputs, p, call))


def in_jax_backward(monkeypatch):
    from jax import lax

    from backproof.engines.jax.kernels import KERNELS

    right = KERNELS[Conv2d]

    def wrong(op, inputs, p, call):
        y = right(op, inputs, p, call)
        return 0.5 * y + 0.5 * lax.stop_gradient(y)

    monkeypatch.setitem(KERNELS, Conv2d, wrong)


def in_shared_sweep(monkeypatch):
    """The reference engine, NumPy and Numba share it: where a value is used twice, one use stands for the sum."""
    monkeypatch.setattr(Sweep, "_sum", lambda self, a, b: b)


FAULTS = {
    in_winograd: {"numpy", "numba"},
    in_torch_forward: {"torch"},
    in_torch_backward: {"torch"},
    in_jax_forward: {"jax"},
    in_jax_backward: {"jax"},
}


def needs(fault):
    for name in FAULTS.get(fault, ()):
        if name in ENGINES and not installed(name):
            pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("names", [("{}",), ("torch", "{}"), ("{}", "numpy"), ("torch", "numpy", "numba")])
def test_the_wrong_engine_is_named_and_nobody_else(fault, names, monkeypatch):
    needs(fault)
    wrong = FAULTS[fault]
    names = list(dict.fromkeys(name.format(min(wrong)) for name in names))
    if not all(map(installed, names)):
        pytest.skip("an engine is not installed")
    fault(monkeypatch)
    report = check(names)
    assert named(report) == wrong & set(names)
    assert report.exit_code == (1 if wrong & set(names) else 0)
    for name in wrong & set(names):
        assert f"{name}: the first error source is" in "\n".join(report.lines())


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_in_every_order_of_every_set(fault, monkeypatch):
    needs(fault)
    fault(monkeypatch)
    for names in orders(NAMES, FAULTS[fault]):
        assert named(check(names)) == FAULTS[fault] & set(names), names


def test_they_are_laid_side_by_side(monkeypatch):
    pytest.importorskip("torch")
    in_winograd(monkeypatch)
    report = check(["torch", "numpy"])
    (dispute,) = [d for d in report.disputes if d.subject == report.first_failure.subject]
    assert dispute.groups == (("reference", "torch"), ("numpy",))
    assert dispute.wrong == ("numpy",)
    assert dispute.numbers["numpy"] == pytest.approx(1, abs=1e-3)
    assert max(dispute.numbers["torch"], dispute.numbers["reference"]) < 1e-3
    assert (
        "gradient of input relu1 of conv2, side by side: reference, torch | numpy; finite differences contradict "
        "numpy and agree with reference, torch"
    ) in "\n".join(report.lines())


class WrongForward:
    def forward(self, op, inputs, p, call):
        y, saved = super().forward(op, inputs, p, call)
        return y + 1e-3, saved


class WrongBackward:
    def backward(self, op, dy, saved, p, g, call):
        dxs = super().backward(op, dy, saved, p, g, call)
        return tuple(None if dx is None else 1.01 * dx for dx in dxs)


@pytest.mark.parametrize("fault", [WrongForward, WrongBackward])
@pytest.mark.parametrize("op", [Conv2d, BatchNorm, SoftmaxCrossEntropy])
@pytest.mark.parametrize("names", [("numpy",), ("torch",), ("numba", "torch")])
@pytest.mark.parametrize("large", [True, False])
def test_a_wrong_reference_is_named_and_no_right_engine(fault, op, names, large, monkeypatch):
    """Of a large network it is the form over whole arrays that is wrong, of a small one the plain loops."""
    if not all(map(installed, names)):
        pytest.skip("an engine is not installed")
    table = vectorised.VECTORISED if large else kernels.KERNELS
    kernel = type("Wrong", (fault, type(table[op])), {})
    monkeypatch.setitem(table.maps[0], op, kernel())
    options = {"width": 16, "size": 8} if large else {"width": 2, "size": 4}
    report = check(names, **options)
    assert named(report) == {"reference"}
    assert "reference: the first error source is" in report.verdict
    assert set(names) <= set(report.engines)
    assert report.exit_code == 1


def test_large_and_small_are_on_either_side_of_what_plain_loops_are_trusted_with():
    from backproof.verify.networks.case import NetworkCase

    works = [NetworkCase(*question(w, s), Mode(True), "float64").work for w, s in ((16, 8), (2, 4))]
    assert works[0] > LOOPS > works[1]


def test_a_fault_in_what_the_hand_written_engines_share_is_theirs(monkeypatch):
    """Numbers decide: the reference engine is on the wrong side, and with NumPy and Numba in the majority."""
    pytest.importorskip("torch")
    in_shared_sweep(monkeypatch)
    report = check(["numpy", "torch"], width=4)
    assert named(report) == {"reference", "numpy"}
    assert report.exit_code == 1
    (dispute,) = report.disputes if len(report.disputes) == 1 else report.disputes[:1]
    assert "finite differences contradict" in str(dispute)


def test_an_engine_is_never_its_own_reference():
    loops = reference_engine()
    graph, parameters, inputs = question(2, 4)
    report = check_model(graph, parameters, inputs, [loops, get_engine("numpy")])
    assert report.passed
    assert type(report.expected_from) is not type(loops)
    report = check_model(graph, parameters, inputs, [get_engine("numpy")], reference=get_engine("numpy"))
    assert report.passed
    assert {f.reference for f in report.findings} == {"reference"}


BATCHES = [question(2, 4)[2]] * 2


@pytest.mark.parametrize("names", [("numpy",), ("torch", "numpy"), ("numba", "torch")])
def test_a_wrong_update_of_the_reference_is_named(names, monkeypatch):
    if not all(map(installed, ("torch", *names))):
        pytest.skip("an engine is not installed")
    right = optimizers.UPDATES[Adam]

    def wrong(*args):
        w, *slots = right(*args)
        return w + 1e-3, *slots

    monkeypatch.setitem(optimizers.UPDATES.maps[0], Adam, wrong)
    graph, parameters, _ = question(2, 4)
    engines = [get_engine(name) for name in names]
    report = check_trajectory(graph, parameters, engines, Adam(), BATCHES, reference=reference_engine(vectorised=True))
    assert named(report) == {"reference"}


def test_a_wrong_update_of_an_engine_is_its_own(monkeypatch):
    from backproof.engines.numpy import optimizers as numpy_optimizers

    right = numpy_optimizers.UPDATES[Adam]

    def wrong(o, w, *rest):
        made = right(o, w, *rest)
        w += 1e-3
        return made

    monkeypatch.setitem(numpy_optimizers.UPDATES, Adam, wrong)
    graph, parameters, _ = question(2, 4)
    for names in (["numpy"], NAMES):
        engines = [get_engine(name) for name in names if name != "jax"]
        report = check_trajectory(
            graph, parameters, engines, Adam(), BATCHES, reference=reference_engine(vectorised=True)
        )
        assert named(report) == {"numpy"}


def with_a_layer_of_a_user(backward):
    """A small network with a layer that a user wrote, for NumPy alone."""
    from dataclasses import dataclass

    import backproof as bp
    from backproof.graph import Op

    @dataclass(frozen=True)
    class Cube(Op):
        def output_shape(self, *inputs):
            return inputs[0]

    @bp.custom.kernel(Cube)
    class CubeKernel:
        def forward(self, op, inputs, p, call):
            return inputs[0] ** 3, (inputs[0],)

        def backward(self, op, dy, saved, p, g, call):
            return (backward(dy, saved[0]),)

    net = Builder(Shape("N", 5))
    h = net("cube", Cube(), net("fc1", Linear(4), net.x))
    graph = net.graph(net("fc2", Linear(3), h)).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    return graph, initial_parameters(graph, 0), {"x": rng.standard_normal((4, 5)), "y": rng.integers(0, 3, 4)}


@pytest.fixture
def forgotten():
    """What a test declares is gone after it."""
    from backproof.engines import custom
    from backproof.graph import OPERATIONS

    known = dict(OPERATIONS)
    yield
    custom.KERNELS["numpy"].clear()
    for name in [name for name in OPERATIONS if name not in known]:
        del OPERATIONS[name]


@pytest.mark.parametrize("names", [("numpy",), ("reference", "numba", "numpy")])
def test_the_kernel_of_a_user_is_held_against_numbers_where_nothing_else_computes_it(names, forgotten):
    engines = [get_engine(name) for name in names if installed(name)]
    report = check_model(*with_a_layer_of_a_user(lambda dy, x: 3 * x**2 * dy), engines)
    assert report.passed, report.failures
    of_cube = [f for f in report.findings if (f.subject, f.case) == ("cube", "isolated")]
    assert {f.verdict for f in of_cube if f.location.kind == "output"} == {"skipped"}
    by_numbers = [f for f in report.findings if f.reference == "finite differences"]
    assert {(f.engine, f.verdict) for f in by_numbers} == {(engine.name, "agrees") for engine in engines}


def test_a_wrong_kernel_of_a_user_is_found_by_numbers(forgotten):
    report = check_model(*with_a_layer_of_a_user(lambda dy, x: 2 * x**2 * dy), [get_engine("numpy")])
    assert {(f.subject, f.reference) for f in report.failures} == {("cube", "finite differences")}
    assert report.exit_code == 1


@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_where_no_engine_can_be_the_reference_numbers_are_and_values_are_not_checked(factor, forgotten):
    pytest.importorskip("torch")
    from dataclasses import dataclass

    import backproof as bp
    from backproof.engines import custom
    from backproof.graph import Op

    @dataclass(frozen=True)
    class Square(Op):
        def output_shape(self, *inputs):
            return inputs[0]

    @bp.custom.kernel(Square, engine="torch")
    def square(op, inputs, p, call):
        y = inputs[0] ** 2
        return factor * y - (factor - 1) * y.detach()

    net = Builder(Shape("N", 5))
    graph = net.graph(net("square", Square(), net("fc", Linear(3), net.x))).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((4, 5)), "y": rng.integers(0, 3, 4)}
    try:
        report = check_model(graph, initial_parameters(graph, 0), inputs, [get_engine("torch")])
    finally:
        custom.KERNELS["torch"].clear()
    assert report.exit_code == (3 if factor == 1 else 1)
    assert {f.subject for f in report.failures} == (set() if factor == 1 else {"square"})
    (left,) = report.unchecked
    assert "no engine can be the reference: engine 'reference' has no kernel for 'square' (Square)" in left.detail
    assert "\n".join(report.lines())
    assert report.to_json()
