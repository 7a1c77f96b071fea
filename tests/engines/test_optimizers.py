"""One step of every optimizer in every engine, against its formula by hand."""

import numpy as np
import pytest

from backproof.engines import Mode
from backproof.errors import UserError
from backproof.graph import Sequential, Shape
from backproof.ops import MSE, Linear
from backproof.optim import (
    OPTIMIZERS,
    SGD,
    AdaBound,
    Adagrad,
    Adam,
    AdamW,
    AMSBound,
    CenteredRMSprop,
    Exponential,
    Momentum,
    Nesterov,
    RMSprop,
)

GRAPH = Sequential(("fc", Linear(2))).build(Shape("N", 3)).with_loss(MSE())
RNG = np.random.default_rng(0)
WEIGHTS = {"fc.weight": RNG.standard_normal((2, 3)), "fc.bias": RNG.standard_normal(2)}
INPUTS = {"x": RNG.standard_normal((4, 3)), "y": RNG.standard_normal((4, 2))}
# A mean of squares is no less than the square of the mean: no v is below m².
SLOTS = ("m", "v", "v_max", "s", "u")
STATE = {
    f"{slot}/{name}": RNG.uniform(0.1, 0.3 if slot == "m" else 1, w.shape)
    for slot in SLOTS
    for name, w in WEIGHTS.items()
}
STEP = 4
T = STEP + 1
HALF = Exponential(gamma=0.5, every=STEP)  # the rate at STEP is half of lr
LR = 0.005


def bounded(m, v, v_in_rate):
    final = 0.1 * 0.5
    lower, upper = final * (1 - 1 / (1e-3 * T + 1)), final * (1 + 1 / (1e-3 * T))
    eta = np.clip(LR * np.sqrt(1 - 0.999**T) / (1 - 0.9**T) / (np.sqrt(v_in_rate) + 1e-8), lower, upper)
    return eta * m


def by_hand(name, g, state):
    """The change of w, and the new state, from the formula in the declaration's docstring."""
    m, v, s = state["m"], state["v"], state["s"]
    match name:
        case "sgd":
            return -LR * g, {}
        case "momentum":
            v = 0.9 * v + g
            return -LR * v, {"v": v}
        case "nesterov":
            v = 0.9 * v + g
            return -LR * (g + 0.9 * v), {"v": v}
        case "rmsprop":
            v = 0.99 * v + 0.01 * g**2
            return -LR * g / (np.sqrt(v) + 1e-8), {"v": v}
        case "adagrad":
            s = s + g**2
            return -LR * g / (np.sqrt(s) + 1e-10), {"s": s}
        case "centeredrmsprop":
            v, m = 0.99 * v + 0.01 * g**2, 0.99 * m + 0.01 * g
            u = g / (np.sqrt(np.maximum(v - m**2, 0)) + 1e-8)
            return -LR * u, {"v": v, "m": m, "u": u}
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    match name:
        case "adam" | "adamw":
            return -LR * m / (1 - 0.9**T) / (np.sqrt(v / (1 - 0.999**T)) + 1e-8), {"m": m, "v": v}
        case "amsgrad":
            v_max = np.maximum(state["v_max"], v)
            change = -LR * m / (1 - 0.9**T) / (np.sqrt(v_max / (1 - 0.999**T)) + 1e-8)
            return change, {"m": m, "v": v, "v_max": v_max}
        case "adabound":
            return -bounded(m, v, v), {"m": m, "v": v}
        case "amsbound":
            v_max = np.maximum(state["v_max"], v)
            return -bounded(m, v, v_max), {"m": m, "v": v, "v_max": v_max}
    raise AssertionError(f"no formula written down for {name}")


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_step_is_the_formula(engine, name, decay):
    optimizer = OPTIMIZERS[name](lr=2 * LR, schedule=HALF, weight_decay=0.3, decay=decay)
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    slots = {key: value for key, value in STATE.items() if key.split("/")[0] in optimizer.slots}
    trainer.load_optimizer_state(optimizer, slots)
    gradients = trainer.gradients(INPUTS, Mode(training=True, step=STEP)).parameters
    trainer.train_step(INPUTS, optimizer, Mode(training=True, step=STEP))
    after, state = trainer.parameters(), trainer.optimizer_state()
    for name_of, w in WEIGHTS.items():
        decayed = name_of == "fc.weight"
        g = gradients[name_of] + (0.3 * w if decayed and decay == "coupled" else 0)
        start = w - LR * 0.3 * w if decayed and decay == "decoupled" else w
        change, new = by_hand(name, g, {slot: STATE[f"{slot}/{name_of}"] for slot in SLOTS})
        np.testing.assert_allclose(after[name_of], start + change, rtol=1e-13, err_msg=name_of)
        assert set(new) == set(optimizer.slots)
        for slot, value in new.items():
            np.testing.assert_allclose(state[f"{slot}/{name_of}"], value, rtol=1e-13, err_msg=slot)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_fresh_state_may_start_at_any_step(engine, reference, name):
    optimizer = OPTIMIZERS[name]()
    trainers = [e.compile(GRAPH, WEIGHTS, dtype="float64") for e in (engine, reference)]
    for trainer in trainers:
        trainer.train_step(INPUTS, optimizer, Mode(training=True, step=STEP))
    found, expected = (trainer.parameters() for trainer in trainers)
    for name_of in WEIGHTS:
        np.testing.assert_allclose(found[name_of], expected[name_of], rtol=1e-13)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rate_of_zero_moves_nothing(engine, name):
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    trainer.train_step(INPUTS, OPTIMIZERS[name](lr=0.0), Mode(training=True))
    for name_of, w in trainer.parameters().items():
        np.testing.assert_array_equal(w, WEIGHTS[name_of])


def test_adagrad_starts_where_it_is_told(engine):
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    g = trainer.gradients(INPUTS, Mode(training=True)).parameters["fc.weight"]
    trainer.train_step(INPUTS, Adagrad(initial_sum=2.0), Mode(training=True))
    np.testing.assert_allclose(trainer.optimizer_state()["s/fc.weight"], 2 + g**2, rtol=1e-13)


def test_decay_all_reaches_the_biases(engine):
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    g = trainer.gradients(INPUTS, Mode(training=True)).parameters["fc.bias"]
    trainer.train_step(INPUTS, SGD(lr=0.1, weight_decay=0.5, decay_all=True), Mode(training=True))
    expected = WEIGHTS["fc.bias"] - 0.1 * (g + 0.5 * WEIGHTS["fc.bias"])
    np.testing.assert_allclose(trainer.parameters()["fc.bias"], expected, rtol=1e-13)


def test_dampening_spares_the_first_step(engine):
    optimizer = Momentum(lr=0.1, momentum=0.5, dampening=0.75)
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    v = 0.0
    for step in range(3):
        mode = Mode(training=True, step=step)
        g = trainer.gradients(INPUTS, mode).parameters["fc.weight"]
        v = 0.5 * v + (0.25 if step else 1) * g
        before = trainer.parameters()["fc.weight"]
        trainer.train_step(INPUTS, optimizer, mode)
        np.testing.assert_allclose(trainer.optimizer_state()["v/fc.weight"], v, rtol=1e-13)
        np.testing.assert_allclose(trainer.parameters()["fc.weight"], before - 0.1 * v, rtol=1e-13)


def test_centered_rmsprop_has_momentum(engine):
    optimizer = CenteredRMSprop(lr=0.1, alpha=0.5, momentum=0.75)
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    v = m = u = 0.0
    for step in range(3):
        mode = Mode(training=True, step=step)
        g = trainer.gradients(INPUTS, mode).parameters["fc.weight"]
        v, m = 0.5 * v + 0.5 * g**2, 0.5 * m + 0.5 * g
        u = 0.75 * u + g / (np.sqrt(v - m**2) + 1e-8)
        trainer.train_step(INPUTS, optimizer, mode)
        np.testing.assert_allclose(trainer.optimizer_state()["u/fc.weight"], u, rtol=1e-12)


def test_adagrads_rate_falls(engine):
    optimizer = Adagrad(lr=0.1, lr_decay=0.5)
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    g = trainer.gradients(INPUTS, Mode(training=True, step=4)).parameters["fc.weight"]
    trainer.train_step(INPUTS, optimizer, Mode(training=True, step=4))
    expected = WEIGHTS["fc.weight"] - 0.1 / 3 * g / (np.abs(g) + 1e-10)
    np.testing.assert_allclose(trainer.parameters()["fc.weight"], expected, rtol=1e-13)


@pytest.mark.parametrize("cls", [Momentum, Nesterov])
def test_without_momentum_it_is_plain_descent(engine, cls):
    trainers = [engine.compile(GRAPH, WEIGHTS, dtype="float64") for _ in range(2)]
    for step in range(3):
        trainers[0].train_step(INPUTS, cls(momentum=0.0), Mode(training=True, step=step))
        trainers[1].train_step(INPUTS, SGD(), Mode(training=True, step=step))
    found, expected = (trainer.parameters() for trainer in trainers)
    for name in WEIGHTS:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-13)


def test_a_new_rate_keeps_the_state(engine):
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    trainer.train_step(INPUTS, Momentum(lr=0.1), Mode(training=True, step=0))
    v = trainer.optimizer_state()["v/fc.weight"]
    g = trainer.gradients(INPUTS, Mode(training=True, step=1)).parameters["fc.weight"]
    trainer.train_step(INPUTS, Momentum(lr=0.2, momentum=0.5), Mode(training=True, step=1))
    np.testing.assert_allclose(trainer.optimizer_state()["v/fc.weight"], 0.5 * v + g, rtol=1e-13)


def test_another_kind_of_optimizer_starts_afresh(engine):
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    trainer.train_step(INPUTS, Momentum(), Mode(training=True, step=0))
    g = trainer.gradients(INPUTS, Mode(training=True, step=1)).parameters["fc.weight"]
    trainer.train_step(INPUTS, RMSprop(), Mode(training=True, step=1))
    np.testing.assert_allclose(trainer.optimizer_state()["v/fc.weight"], 0.01 * g**2, rtol=1e-13)


def test_defaults_are_those_of_the_formulas():
    """`by_hand` writes the numbers out; this keeps the two together."""
    assert (Adam().beta1, Adam().beta2, Adam().epsilon) == (0.9, 0.999, 1e-8)
    assert (AdaBound().final_lr, AdaBound().gamma) == (AMSBound().final_lr, AMSBound().gamma) == (0.1, 1e-3)
    assert (RMSprop().alpha, RMSprop().epsilon, Adagrad().epsilon, Momentum().momentum) == (0.99, 1e-8, 1e-10, 0.9)
    assert (AdamW().decay, AdamW().weight_decay) == ("decoupled", 1e-2)


def test_an_optimizer_that_an_engine_lacks_is_named(engine):
    class Lion(SGD):
        pass

    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    with pytest.raises(UserError, match=f"engine '{engine.name}' has no update for the optimizer Lion"):
        trainer.train_step(INPUTS, Lion(), Mode(training=True))
    with pytest.raises(UserError, match=f"engine '{engine.name}' has no update for the optimizer Lion"):
        trainer.load_optimizer_state(Lion(), {})
