"""The registry, and what each engine says and refuses."""

import subprocess
import sys

import numpy as np
import pytest

from backproof.engines import ENGINES, get_engine, how_to_install, installed, registry
from backproof.engines.inputs import batch_size
from backproof.engines.kernel import require_kernels
from backproof.errors import UserError
from backproof.graph import Sequential, Shape, initial_parameters
from backproof.ops import MSE, Linear, ReLU

GRAPH = Sequential(("fc", Linear(2)), ("act", ReLU())).build(Shape("N", 3)).with_loss(MSE())
WEIGHTS = initial_parameters(GRAPH)


def test_unknown_engine():
    with pytest.raises(UserError, match="unknown engine 'nunpy'; did you mean numpy"):
        get_engine("nunpy")


def test_an_engine_that_is_not_installed_says_how(monkeypatch):
    missing = registry.Entry("nowhere:Engine", "no_such_library", "torch", "nothing")
    monkeypatch.setitem(ENGINES, "torch", missing)
    assert not installed("torch")
    assert how_to_install("torch") == "pip install 'backproof[torch]'"
    with pytest.raises(UserError, match=r"engine 'torch' is not installed; install it with: pip install"):
        get_engine("torch")


def test_nothing_heavy_is_imported_before_it_is_wanted():
    code = (
        "import sys, backproof, backproof.engines, backproof.verify; backproof.engines.get_engine('reference'); "
        "print([m for m in ('torch', 'scipy', 'sklearn', 'plotly', 'PIL', 'rich') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_says_what_it_is(any_engine):
    info = any_engine.info()
    assert any_engine.name in ENGINES
    assert info.version
    assert info.devices[0] == "cpu"


def test_threads_can_be_set(engine):
    if engine.name == "jax":
        pytest.skip("JAX takes the number of threads only before it starts: see test_jax.py")
    threads = engine.info().details["threads"]
    engine.set_threads(1)
    assert engine.info().details["threads"] == 1
    engine.set_threads(threads)


def test_missing_kernels_are_named_all_at_once(engine):
    with pytest.raises(UserError, match=r"engine 'abacus' has no kernel for 'fc' \(Linear\), 'act' \(ReLU\), 'loss'"):
        require_kernels("abacus", {}, GRAPH)


def test_unknown_devices_are_refused(engine):
    with pytest.raises(UserError, match=r"'cuda:77'|'gpu7'"):
        engine.compile(GRAPH, WEIGHTS, dtype="float64", device="cuda:77")


def test_the_reference_is_float64(reference):
    with pytest.raises(UserError, match="the reference engine computes in float64, not in float32"):
        reference.compile(GRAPH, WEIGHTS, dtype="float32")


def test_weights_must_be_real_numbers(engine):
    weights = {name: value.astype(complex) for name, value in WEIGHTS.items()}
    with pytest.raises(UserError, match="has dtype complex128; it must hold real numbers"):
        engine.compile(GRAPH, weights, dtype="float64")


def test_labels_must_be_classes(reference):
    from backproof.ops import SoftmaxCrossEntropy

    graph = Sequential(Linear(2)).build(Shape("N", 3)).with_loss(SoftmaxCrossEntropy())
    trainer = reference.compile(graph, initial_parameters(graph))
    for label in (-1, 2):
        with pytest.raises(UserError, match=f"node 'loss': the label {label} is none of the classes 0 to 1"):
            trainer.forward({"x": np.zeros((1, 3)), "y": np.array([label])})


def test_torch_lists_its_devices():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    torch = get_engine("torch")
    known = torch.info().devices
    assert known[0] == "cpu"
    with pytest.raises(UserError, match=f"no device 'tpu' here; there is: {', '.join(known)}"):
        torch.compile(GRAPH, WEIGHTS, device="tpu")


def test_torch_on_an_accelerator_agrees():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    inputs = {"x": np.ones((4, 3)), "y": np.zeros((4, 2))}
    cpu, cuda = (
        get_engine("torch").compile(GRAPH, WEIGHTS, dtype="float64", device=device).forward(inputs)["loss"]
        for device in ("cpu", "cuda")
    )
    assert cuda == pytest.approx(cpu, rel=1e-13)


def test_batch_size():
    y = np.zeros((5, 2))
    assert batch_size(GRAPH, {"x": np.zeros((5, 3)), "y": y}) == 5
    assert batch_size(GRAPH, {"x": np.zeros((5, 3))}) == 5
    with pytest.raises(UserError, match="input 'y' of shape"):
        batch_size(GRAPH, {"x": np.zeros((5, 3))}, targets=True)
    with pytest.raises(UserError, match="input 'x' is a list; it must be a NumPy array"):
        batch_size(GRAPH, {"x": [1.0, 2.0]})
