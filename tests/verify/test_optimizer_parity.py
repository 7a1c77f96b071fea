"""The check of optimizers: right ones pass, and the step, the setting and the array that are wrong are named."""

import pytest

from backproof.engines import get_engine
from backproof.engines.reference import ReferenceEngine
from backproof.engines.reference.optimizers import UPDATES
from backproof.engines.reference.trainer import ReferenceTrainer
from backproof.optim import SGD, Adam, AdamW, Exponential, Momentum
from backproof.verify.optimizers.check import check_optimizers, settings_of
from backproof.verify.replay import optimizer_from_json, optimizer_to_json


def faulty(kind, update):
    class Trainer(ReferenceTrainer):
        engine = "faulty"
        updates = {**UPDATES, kind: update}  # noqa: RUF012

    return type("Faulty", (ReferenceEngine,), {"name": "faulty", "trainer": Trainer})()


def check(kind, update):
    return check_optimizers([faulty(kind, update)], [kind], dtypes=("float64",))


def test_right_ones_pass():
    report = check_optimizers([get_engine("numpy")], [SGD, AdamW])
    assert report.failures == ()
    assert report.passed
    assert report.subjects == ("SGD", "AdamW")


def test_the_reference_is_skipped_and_said():
    """Only its other form is compared with it."""
    report = check_optimizers([get_engine("reference")], [SGD])
    assert {f.detail for f in report.skipped} == {"engine 'reference' is the reference"}
    assert report.passed
    assert all("over whole arrays" in f.case for f in report.compared)


def test_a_wrong_correction_shows_in_the_first_step():
    def adam(o, w, g, lr, t, m, v):
        return UPDATES[Adam](o, w, g, lr, t + 1, m, v)

    first = check(Adam, adam).first_failure
    assert (first.what, first.case) == ("weight", "as it is, step 1 (ordinary gradients)")
    assert "of faulty" in first.detail


def test_a_wrong_state_is_named_though_the_weights_are_right():
    def momentum(o, w, g, lr, t, v):
        w, v = UPDATES[Momentum](o, w, g, lr, t, v)
        return w, v * (1 + 1e-12)

    alone = [f for f in check(Momentum, momentum).failures if "in a row" not in f.case]
    assert {f.what for f in alone} == {"optimizer state v/weight", "optimizer state v/bias"}


def test_a_fault_at_tiny_gradients_alone_is_found():
    def adam(o, w, g, lr, t, m, v):
        return UPDATES[Adam](o, w, g if abs(g) > 1e-6 else 0.0, lr, t, m, v)

    alone = [f for f in check(Adam, adam).failures if "in a row" not in f.case]
    assert alone
    assert all("tiny" in f.case for f in alone if f.what == "optimizer state v/weight")


def test_an_update_that_raises_has_failed():
    def sgd(o, w, g, lr, t):
        raise ZeroDivisionError("no")

    assert {f.verdict for f in check(SGD, sgd).failures} == {"failed"}


@pytest.mark.parametrize("kind", [SGD, Momentum, AdamW])
def test_variants_survive_a_file(kind):
    for optimizer in settings_of(kind).values():
        assert optimizer_from_json(optimizer_to_json(optimizer)) == optimizer


def test_a_bias_correction_that_ends_too_soon_is_found():
    def adam(o, w, g, lr, t, m, v):
        return UPDATES[Adam](o, w, g, lr, t if t < 1000 else 10**6, m, v)

    alone = {f.case for f in check(Adam, adam).failures if "in a row" not in f.case}
    assert "as it is, step 1500 (ordinary gradients)" in alone
    assert not any("step 500 " in case for case in alone)


def test_a_rate_is_wrong_though_all_engines_agree_on_it(monkeypatch):
    monkeypatch.setattr(Exponential, "decay", lambda self, step: self.gamma ** (step // self.every))
    found = check_optimizers([get_engine("numpy")], [Adam], dtypes=("float64",)).failures
    assert {f.what for f in found} == {"learning rate"}
    assert {"exponential" in f.case for f in found} == {True}
