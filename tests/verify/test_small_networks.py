"""The check of small networks: right engines pass, and what goes wrong between nodes, passes and batches is found."""

import pytest

from backproof.engines import ENGINES, engine_for_checks, get_engine, installed, variants
from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.convolution.winograd import Winograd
from backproof.engines.numpy.kernels.fused import BatchNormReLUKernel
from backproof.engines.numpy.trainer import NumpyTrainer
from backproof.engines.numpy.workspace import Pool, aligned
from backproof.engines.sweep import Sweep
from backproof.ops import Conv2d
from backproof.verify import check_networks, check_ops
from backproof.verify.core.failure import Failure
from backproof.verify.steps.networks import NETWORKS


@pytest.mark.parametrize("engine", ENGINES)
def test_right_engines_pass(engine):
    if not installed(engine):
        pytest.skip(f"engine '{engine}' is not installed")
    if not get_engine(engine).capabilities.trains:
        pytest.skip(f"engine '{engine}' cannot train")
    names = ["fan-out", "unseen-branch", "dropout", "nothing-to-learn"]
    report = check_networks([engine_for_checks(engine)], names)
    assert report.failures == ()
    assert report.subjects == tuple(names)
    assert report.passed
    references = {f.reference for f in report.findings if f.compared}
    assert references == (
        {"finite differences"} if engine == "reference" else {"finite differences", "reference", "contract"}
    )


def test_every_network_has_something_to_compare():
    for name, make in NETWORKS.items():
        small = make()
        assert small.graph.loss, name
        assert len(set(small.batches)) > 1 or not small.graph.inputs[0].shape.has_batch, name


def failures(*names: str, dtypes=("float64",)):
    return check_networks([get_engine("numpy")], names or None, dtypes=dtypes).failures


def test_a_gradient_added_into_what_another_branch_holds(monkeypatch):
    def add_into(self, a, b):
        a += b
        self._memory.drop(b)
        return a

    monkeypatch.setattr(Sweep, "_sum", add_into)
    found = failures("fan-out")
    assert "finite differences" in {f.reference for f in found}, "the reference has the same sweep"


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
    assert all("step 1 " not in f.case for f in found if "in a row" not in f.case)


def test_what_grows_with_the_batch_is_filled_only_once(monkeypatch):
    def ones(self, count):
        if self._ones.size < count:
            filled = self._ones.size or count
            self._ones = aligned((count,), self.dtype)
            self._ones[:filled] = 1
        return self._ones[:count]

    monkeypatch.setattr(Pool, "ones", ones)
    found = failures("residual")
    assert {f.case.split(",")[0] for f in found if "in a row" not in f.case} == {"step 3 on 7 samples"}


def test_statistics_that_are_not_moved(monkeypatch):
    update = NumpyTrainer._update
    monkeypatch.setattr(NumpyTrainer, "_update", lambda self, state, *rest: update(self, {}, *rest))
    assert {f.what.rpartition(".")[2] for f in failures("residual") if "in a row" not in f.case} == {
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }


def test_variants_are_checked_and_said(monkeypatch):
    """A fault that arrays of the usual tuning are too small to show."""
    compute = Winograd.input_gradient

    def wrong(self, dy, W, dx, call):
        compute(self, dy, W, dx, call)
        dx *= 1.001

    monkeypatch.setattr(Winograd, "input_gradient", wrong)
    report = check_networks([get_engine("numpy")], ["convolutions"], dtypes=("float64",))
    assert report.failures
    assert all(f.case.endswith(("small blocks", "low memory")) for f in report.failures)
    assert {f.engine for f in report.failures} == {"numpy"}
    assert "Winograd" in report.ways["numpy"]["Conv2d"]
    kept: list[Failure] = []
    check_ops([get_engine("numpy")], [Conv2d], dtypes=("float64",), seeds=(0,), keep=lambda f: kept.append(f) or "")
    assert (
        "small blocks" in {failure.comparison.variant for failure in kept} <= set(variants(get_engine("numpy"))) - {""}
    )


def test_a_watcher_that_sees_gradients_twice(monkeypatch):
    run_back = Sweep._run_back

    def twice(self, steps, gradients, watch):
        run_back(self, steps, gradients, watch and (lambda *seen: (watch(*seen), watch(*seen))))

    monkeypatch.setattr(Sweep, "_run_back", twice)
    assert {f.what for f in failures("unseen-branch")} == {"seen once"}


def test_a_gradient_in_evaluation_mode_as_in_training(monkeypatch):
    backward = BatchNormReLUKernel.backward

    def as_in_training(self, op, dy, saved, p, g, call):
        return backward(self, op, dy, (*saved[:-1], True), p, g, call)

    monkeypatch.setattr(BatchNormReLUKernel, "backward", as_in_training)
    assert {"gradients in evaluation" in f.case for f in failures("residual")} == {True}


def test_memory_that_is_not_cleared(monkeypatch):
    def zeros(self, dx, pool):
        (top, left), (bottom, right) = self.top_left, self.bottom_right
        shape = (len(dx), self.size[0] + top + bottom, self.size[1] + left + right, dx.shape[3])
        return dx if self.inside else pool.scratch("dpadded", shape)

    monkeypatch.setattr(Geometry, "zeros", zeros)
    found = check_ops([get_engine("numpy")], [Conv2d], seeds=[0], dtypes=("float64",)).failures
    assert "small blocks" in " ".join(f.case for f in found)
