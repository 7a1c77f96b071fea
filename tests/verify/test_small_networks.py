"""The check of small networks: right engines pass, and what goes wrong between nodes, passes and batches is found."""

import numpy as np
import pytest

from backproof.engines import ENGINES, engine_for_checks, get_engine, installed
from backproof.engines.numpy.fusion import fuse
from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.engines.numpy.workspace import Buffers
from backproof.engines.sweep import Sweep
from backproof.verify import check_networks
from backproof.verify.steps.networks import NETWORKS


@pytest.mark.parametrize("engine", ENGINES)
def test_right_engines_pass(engine):
    if not installed(engine):
        pytest.skip(f"engine '{engine}' is not installed")
    names = ["fan-out", "unseen-branch", "dropout", "nothing-to-learn"]
    report = check_networks([engine_for_checks(engine)], names)
    assert report.failures == ()
    assert report.subjects == tuple(names)
    if engine == "reference":
        assert {f.detail for f in report.skipped} == {"engine 'reference' is the reference"}
    else:
        assert report.passed


def test_every_network_has_something_to_compare():
    for name, make in NETWORKS.items():
        small = make()
        assert small.graph.loss, name
        assert len(set(small.batches)) > 1, name


def failures(*names: str, dtypes=("float64",)):
    return check_networks([get_engine("numpy")], names or None, dtypes=dtypes).failures


def test_a_gradient_added_into_what_another_branch_holds(monkeypatch):
    def add_into(self, a, b):
        a += b
        self._memory.drop(b)
        return a

    monkeypatch.setattr(Sweep, "_sum", add_into)
    assert {f.subject for f in failures("residual", "fan-out")} == {"residual", "fan-out"}


def test_a_value_that_another_node_takes_is_fused_away(monkeypatch):
    monkeypatch.setattr("backproof.engines.numpy.trainer.fuse", lambda graph, apart=(): fuse(_without_fan_out(graph)))
    assert {f.verdict for f in failures("fan-out")} == {"failed"}


def _without_fan_out(graph):
    """The last node that takes each value, as one sees it who overlooks the others."""
    seen: set[str] = set()
    nodes = []
    for node in reversed(graph.nodes):
        nodes.append(node)
        seen.update(node.inputs)
    return type(graph)(graph.inputs, tuple(n for n in graph.nodes if n.name != "add1"), graph.output, graph.loss)


def test_a_branch_that_the_loss_does_not_see_keeps_an_old_gradient(monkeypatch):
    init = NumpyTrainer.__init__

    def without(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self._unseen = []

    monkeypatch.setattr(NumpyTrainer, "__init__", without)
    found = failures("unseen-branch")
    assert found
    assert all("aside" in f.what or "bn" in f.what or "alone" in f.what or "the same" in f.what for f in found)


def test_a_penalty_that_is_not_told(monkeypatch):
    couple = NumpyTrainer._couple
    monkeypatch.setattr(NumpyTrainer, "_couple", lambda self, optimizer: 0.0 * couple(self, optimizer))
    assert {f.what for f in failures("tied-weights")} == {"cost"}


def test_optimizer_state_that_is_not_loaded(monkeypatch):
    load = NumpyTrainer.load_optimizer_state

    def only_once(self, optimizer, state):
        if type(optimizer) is not self._optimizer:
            load(self, optimizer, state)

    monkeypatch.setattr(NumpyTrainer, "load_optimizer_state", only_once)
    found = failures("tied-weights")
    assert any("in a row" in f.case and f.reference == "contract" for f in found)
    assert all("step 1 " not in f.case for f in found)


def test_a_buffer_that_does_not_grow(monkeypatch):
    def too_small(self, name, shape, dtype=None):
        flat = self._flat.setdefault(name, np.zeros(int(np.prod(shape)), dtype or self.dtype))
        return np.resize(flat, shape) if flat.size < np.prod(shape) else flat[: int(np.prod(shape))].reshape(shape)

    monkeypatch.setattr(Buffers, "get", too_small)
    found = failures("tied-weights")
    assert found
    assert all("7 samples" in f.case or "in a row" in f.case or f.verdict == "failed" for f in found)


def test_statistics_that_are_not_moved(monkeypatch):
    monkeypatch.setattr(Sweep, "state", lambda self: {})
    assert any("running_mean" in f.detail or "running_mean" in f.what for f in failures("residual"))
