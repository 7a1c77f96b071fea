"""Operations and optimizers of users in every engine that takes them: the same numbers as backproof's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import backproof as bp
from backproof.engines import Engine, Mode, get_engine
from backproof.errors import UserError
from backproof.graph import Op, ParameterSpec, Sequential, Shape
from backproof.ops import MSE, Linear, Tanh
from backproof.optim import Adam, Cosine, Optimizer
from backproof.user_file import FORGETTERS

RNG = np.random.default_rng(0)
WEIGHTS = {"fc.weight": RNG.standard_normal((2, 3)), "fc.bias": RNG.standard_normal(2)}
INPUTS = {"x": RNG.standard_normal((4, 3)), "y": RNG.standard_normal((4, 2))}
GRAPH = Sequential(("fc", Linear(2))).build(Shape("N", 3)).with_loss(MSE())


@dataclass(frozen=True, kw_only=True)
class OwnAdam(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    beta1: float = 0.9
    beta2: float = 0.99


def own_adam(o: OwnAdam, w: Any, g: Any, lr: Any, t: Any, m: Any, v: Any) -> tuple[Any, ...]:
    """Of arrays of any library."""
    m = o.beta1 * m + (1 - o.beta1) * g
    v = o.beta2 * v + (1 - o.beta2) * g**2
    step = lr / (1 - o.beta1**t) * m / ((v / (1 - o.beta2**t)) ** 0.5 + 1e-8)
    return w - step, m, v


@dataclass(frozen=True)
class Scaled(Op):
    def output_shape(self, *inputs):
        return inputs[0]

    def parameters(self, *inputs):
        return {"weight": ParameterSpec(shape=(int(inputs[0][1]),))}


class ScaledKernel:
    def forward(self, op, inputs, p, call):
        return np.tanh(inputs[0]) * p["weight"], (inputs[0],)

    def backward(self, op, dy, saved, p, g, call):
        y = np.tanh(saved[0])
        g["weight"][...] = (dy * y).sum(0)
        return (dy * p["weight"] * (1 - y**2),)


@pytest.fixture(autouse=True)
def own() -> Iterator[None]:
    def in_torch(op, inputs, p, call):
        return inputs[0].tanh() * p["weight"]

    def in_jax(op, inputs, p, call):
        from jax import numpy as jnp

        return jnp.tanh(inputs[0]) * p["weight"]

    bp.custom.kernel(Scaled)(ScaledKernel)
    for name, kernel in (("torch", in_torch), ("jax", in_jax)):
        bp.custom.kernel(Scaled, engine=name)(kernel)
    for name in ("numpy", "torch", "jax"):
        bp.custom.update(OwnAdam, engine=name)(own_adam)
    yield
    forget()


def forget() -> None:
    """As if nothing had been written here."""
    for forget_module in FORGETTERS:
        forget_module(__name__)


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
def test_an_optimizer_of_ones_own(engine: Engine, decay: Any) -> None:
    """Steps may be left out, as where a run is resumed; the state goes on in another trainer."""
    settings: dict[str, Any] = {"schedule": Cosine(steps=9, warmup=2), "weight_decay": 0.1, "decay": decay}
    optimizers = OwnAdam(lr=0.1, **settings), Adam(lr=0.1, beta2=0.99, **settings)
    first, second = (engine.compile(GRAPH, WEIGHTS, dtype="float64") for _ in optimizers)
    for step in (0, 1, 3, 4, 5, 8):
        if step == 4:
            later = engine.compile(GRAPH, first.parameters(), dtype="float64")
            later.load_optimizer_state(optimizers[0], first.optimizer_state())
            first = later
        for trainer, optimizer in zip((first, second), optimizers, strict=True):
            trainer.train_step(INPUTS, optimizer, Mode(training=True, step=step))
        for found, expected in (
            (first.parameters(), second.parameters()),
            (first.optimizer_state(), second.optimizer_state()),
        ):
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-15, err_msg=f"{name}, step {step}")


def test_other_settings_go_on_from_the_state(engine: Engine) -> None:
    trainer = engine.compile(GRAPH, WEIGHTS, dtype="float64")
    trainer.train_step(INPUTS, OwnAdam(lr=0.1), Mode(training=True))
    before, state = trainer.parameters(), trainer.optimizer_state()
    gradients = trainer.gradients(INPUTS, Mode(training=True, step=1)).parameters
    other = OwnAdam(lr=0.2, beta1=0.5)
    trainer.train_step(INPUTS, other, Mode(training=True, step=1))
    for name, w in before.items():
        after, *_ = own_adam(other, w, gradients[name], 0.2, 2, state[f"m/{name}"], state[f"v/{name}"])
        np.testing.assert_allclose(trainer.parameters()[name], after, rtol=1e-12)


def test_an_operation_of_ones_own(engine: Engine) -> None:
    graph = Sequential(("fc", Linear(2)), ("own", Scaled())).build(Shape("N", 3)).with_loss(MSE())
    scale = np.array([0.5, -2.0])
    given = engine.compile(graph, WEIGHTS | {"own.weight": scale}, dtype="float64").gradients(INPUTS, Mode(True))
    right = Sequential(("fc", Linear(2)), Tanh()).build(Shape("N", 3))
    y = engine.compile(right, WEIGHTS, dtype="float64").forward({"x": INPUTS["x"]})[right.output]
    np.testing.assert_allclose(given.output, y * scale, rtol=1e-12)
    dy = 2 * (y * scale - INPUTS["y"]) / y.size
    np.testing.assert_allclose(given.parameters["own.weight"], (dy * y).sum(0), rtol=1e-12)
    dz = dy * scale * (1 - y**2)
    np.testing.assert_allclose(given.parameters["fc.weight"], dz.T @ INPUTS["x"], rtol=1e-12)
    np.testing.assert_allclose(given.parameters["fc.bias"], dz.sum(0), rtol=1e-12)


def test_an_expression_stands_in_for_a_kernel_of_torch() -> None:
    pytest.importorskip("torch")
    forget()
    graph = Sequential(("own", Scaled())).build(Shape("N", 3))
    weights = {"own.weight": np.array([1.0, 2.0, -1.0])}
    torch = get_engine("torch")
    with pytest.raises(UserError, match=r"no kernel for 'own' .Scaled.; write one with @bp.custom.kernel\(Scaled"):
        torch.compile(graph, weights)

    @bp.custom.pytorch(Scaled)
    def scaled(op, inputs, p):
        return inputs[0].tanh() * p["weight"]

    assert scaled.__module__ == __name__
    y = torch.compile(graph, weights, dtype="float64").forward({"x": INPUTS["x"]})["own"]
    np.testing.assert_allclose(y, np.tanh(INPUTS["x"]) * [1, 2, -1], rtol=1e-12)


def test_of_backproofs_own_operations_only_numpys_kernels_are_replaced() -> None:
    for name in ("torch", "jax"):
        with pytest.raises(UserError, match=f"^engine '{name}' has a kernel for Tanh; only those of numpy can be re"):
            bp.custom.kernel(Tanh, engine=name)(ScaledKernel)
    assert bp.custom.kernel(Tanh)(ScaledKernel) is ScaledKernel
