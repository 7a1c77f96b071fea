"""The jax engine's contract beyond that of every engine."""

import os
import subprocess
import sys

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.errors import UserError
from backproof.graph import Sequential, Shape, initial_parameters
from backproof.ops import BatchNorm, Dropout, Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import Adam, Cosine

jax = pytest.importorskip("jax", reason="JAX is not installed")

TRAIN = Mode(training=True, seed=3)


def network():
    layers = Linear(6, bias=False), BatchNorm(), ReLU(), Dropout(0.3), Linear(3)
    return Sequential(*layers).build(Shape("N", 5)).with_loss(SoftmaxCrossEntropy())


GRAPH = network()


def batch(n=8, seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.standard_normal((n, 5)), "y": rng.integers(0, 3, n)}


def trainer(dtype="float64", seed=0):
    return get_engine("jax").compile(GRAPH, initial_parameters(GRAPH, seed), dtype=dtype)


def in_a_fresh_process(code, **environment):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.fixture
def traced(monkeypatch):
    """The batches that ReLU's kernel has been traced with. A network is compiled anew where a kernel is another one."""
    from backproof.engines.jax.kernels import KERNELS

    shapes, relu = [], KERNELS[ReLU]

    def spy(op, inputs, p, call):
        shapes.append(inputs[0].shape)
        return relu(op, inputs, p, call)

    monkeypatch.setitem(KERNELS, ReLU, spy)
    return shapes


def test_one_program_for_all_steps_rates_and_trainers(traced):
    optimizer = Adam(schedule=Cosine(steps=10, warmup=2))
    for seed in range(2):
        one = trainer(seed=seed)
        for step in range(4):
            one.train_step(batch(seed=step), optimizer, Mode(training=True, seed=seed, step=step))
        one.train_step(batch(), Adam(lr=0.5), Mode(training=True, step=4))
    once = len(traced)
    assert once > 0
    assert set(traced) == {(8, 6)}
    one.train_step(batch(3), optimizer, TRAIN)
    assert len(traced) == 2 * once, "another batch size is another program"


def test_single_and_double_precision_side_by_side():
    before = jax.config.jax_enable_x64
    single, double = trainer("float32"), trainer("float64")
    for step in range(3):
        mode = Mode(training=True, step=step)
        a, b = single.train_step(batch(), Adam(), mode), double.train_step(batch(), Adam(), mode)
        assert (a.output.dtype, b.output.dtype) == (np.float32, np.float64)
        assert a.loss == pytest.approx(b.loss, rel=1e-5)
        assert a.loss != b.loss
    for one in (single, double):
        assert {x.dtype.name for x in [*one.parameters().values(), *one.optimizer_state().values()]} == {one.dtype}
    assert jax.config.jax_enable_x64 == before


def test_whatever_the_process_has_set():
    with jax.enable_x64(True):
        assert trainer("float32").forward(batch())["4"].dtype == np.float32
    with jax.enable_x64(False):
        assert trainer("float64").forward(batch())["4"].dtype == np.float64


def test_many_steps_in_one_call_are_the_same_steps():
    samples, optimizer = batch(20), Adam(lr=0.05, schedule=Cosine(steps=9), weight_decay=0.1)
    rows = np.random.default_rng(1).permutation(20)[:18].reshape(3, 6)
    one, many = trainer(), trainer()
    losses = [
        one.train_step({k: v[r] for k, v in samples.items()}, optimizer, Mode(True, 3, step)).loss
        for step, r in enumerate(rows)
    ]
    found = many.train_steps(many.place(samples), rows, optimizer, TRAIN)
    np.testing.assert_allclose(found, losses, rtol=1e-12)
    for ours, right in ((many.parameters(), one.parameters()), (many.optimizer_state(), one.optimizer_state())):
        assert ours.keys() == right.keys()
        for name, value in right.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("rows", [np.arange(4), np.array([[0, 20]]), np.array([[-1, 0]]), np.ones((2, 2))], ids=str)
def test_rows_that_are_none_are_refused(rows):
    one = trainer()
    with pytest.raises(UserError, match=r"rows is of shape \(steps, N\), whole numbers from 0 to 19"):
        one.train_steps(one.place(batch(20)), rows, Adam(), TRAIN)


def test_the_memory_that_steps_take_is_their_own():
    """Compiled steps overwrite what they are given, and JAX borrows NumPy's memory where it can."""
    start = {name: np.asarray(x, np.float32) for name, x in initial_parameters(GRAPH).items()}
    kept = {name: x.copy() for name, x in start.items()}
    one = get_engine("jax").compile(GRAPH, start)
    one.train_step(batch(), Adam(lr=0.1), TRAIN)
    state = one.optimizer_state()
    other = get_engine("jax").compile(GRAPH, start)
    other.load_optimizer_state(Adam(), state)
    values = {name: x.copy() for name, x in state.items()}
    other.train_step(batch(), Adam(lr=0.1), TRAIN)
    for found, right in ((start, kept), (state, values)):
        for name, x in right.items():
            np.testing.assert_array_equal(found[name], x, err_msg=name)


def test_labels_that_are_no_classes_are_refused():
    one = trainer()
    inputs = batch() | {"y": np.array([0, 1, 2, 3, 0, 1, 2, 0])}
    for call in (
        lambda: one.forward(inputs),
        lambda: one.gradients(inputs, TRAIN),
        lambda: one.train_step(inputs, Adam(), TRAIN),
        lambda: one.place(inputs),
    ):
        with pytest.raises(UserError, match=r"node 'loss': labels lie in 0..2, but some are 3 or 3"):
            call()


def test_optimised_or_not_the_step_is_the_same():
    """The tests tell XLA to compile quickly; people do not."""
    from backproof.engines.jax.optimizers import compiled_in
    from backproof.engines.jax.program import Program

    one, other = trainer(), trainer()
    other._program = Program(GRAPH)
    full = {"xla_backend_optimization_level": 3, "xla_cpu_use_fusion_emitters": True}
    other._program.step = jax.jit(
        other._program._step, static_argnames=("optimizer", "training"), compiler_options=full
    )
    assert compiled_in(Adam(lr=3)) == compiled_in(Adam())
    for step in range(3):
        a, b = (s.train_step(batch(), Adam(), Mode(True, 3, step)) for s in (one, other))
        assert a.loss == pytest.approx(b.loss, rel=1e-13)


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in Linux's /proc")
def test_threads_are_chosen_before_jax_starts():
    code = """
import os
from pathlib import Path
from backproof.engines import get_engine
from backproof.errors import UserError

engine = get_engine("jax")
engine.set_threads(3)
print(engine.info().details["threads"], os.environ.get("NPROC"))
engine.set_threads(3)
try:
    engine.set_threads(2)
except UserError as error:
    print(error)
print([path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")].count("tf_XLAEigen"))
"""
    said = in_a_fresh_process(code)
    assert said[0] == "3 None"
    assert "cannot compute with 2 threads any more: JAX has started with 3" in said[1]
    assert said[2] == "3"


def test_jax_that_others_have_started_is_noticed():
    code = """
import jax
jax.devices()
from backproof.engines import get_engine
from backproof.errors import UserError

try:
    get_engine("jax").set_threads(77)
except UserError as error:
    print(error)
"""
    (said,) = in_a_fresh_process(code)
    assert "cannot compute with 77 threads any more" in said


def test_everything_else_works_without_jax(tmp_path):
    code = """
import sys

sys.modules["jax"] = None  # as if it were not there: its import fails

from backproof.bench.job import available
from backproof.cli import main

assert not available("jax") and not available("jax-scan")
train = ["train", "--dataset", "digits", "--model", "mlp", "--epochs", "1", "--runs-dir", sys.argv[1]]
assert main(["engines"]) == 0
assert main([*train, "--engine", "numpy"]) == 0
print("code", main([*train, "--engine", "jax"]))
"""
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "pip install 'backproof[jax]'" in run.stdout
    assert run.stdout.splitlines()[-1] == "code 2"
    assert "engine 'jax' is not installed" in run.stderr
