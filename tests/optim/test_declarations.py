from typing import Literal

import pytest

from backproof.errors import UserError
from backproof.graph import ParameterSpec
from backproof.optim import (
    OPTIMIZERS,
    SCHEDULES,
    SGD,
    AdaBound,
    Adagrad,
    Adam,
    AdamW,
    AMSBound,
    CenteredRMSprop,
    Momentum,
    RMSprop,
    require_optimizer,
)
from backproof.option import options_of

WEIGHT = ParameterSpec(shape=(2, 2), decay=True)
BIAS = ParameterSpec(shape=(2,))
STATISTIC = ParameterSpec(shape=(2,), trainable=False)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_names_its_formula(name):
    cls = OPTIMIZERS[name]
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{cls.__name__}("), "a docstring of its own, not dataclass's"
    assert require_optimizer(cls.__name__) is cls


def test_all_of_them():
    assert set(OPTIMIZERS) >= {
        "sgd", "momentum", "nesterov", "adam", "adamw", "amsgrad", "adabound", "amsbound", "rmsprop", "centeredrmsprop",
        "adagrad",
    }  # fmt: skip


def test_weight_decay_spares_biases_and_statistics():
    some, every = SGD(weight_decay=0.1), SGD(weight_decay=0.1, decay_all=True)
    assert [some.decays(spec) for spec in (WEIGHT, BIAS, STATISTIC)] == [True, False, False]
    assert [every.decays(spec) for spec in (WEIGHT, BIAS, STATISTIC)] == [True, True, False]
    assert not SGD().decays(WEIGHT)


def test_only_coupled_decay_is_part_of_the_cost():
    assert SGD(weight_decay=0.1).l2 == 0.1
    assert SGD(weight_decay=0.1, decay="decoupled").l2 == 0
    assert AdamW().l2 == 0
    assert AdamW().decays(WEIGHT)
    assert AdamW(decay="coupled").l2 == 1e-2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(lr=-1), "lr is -1; it must be 0 or more"),
        (lambda: SGD(lr=float("nan")), "lr is nan; it must be 0 or more"),
        (lambda: Adam(epsilon=float("inf")), "epsilon is inf; it must be 0 or more"),
        (lambda: Adam(epsilon=-1e-8), "epsilon is -1e-08; it must be 0 or more"),
        (lambda: RMSprop(epsilon=-1e-8), "epsilon is -1e-08; it"),
        (lambda: AdaBound(final_lr=-1.0), "final_lr is -1; it"),
        (lambda: AMSBound(gamma=0.0), "gamma is 0; it must be above 0"),
        (lambda: Adagrad(initial_sum=-0.1), "initial_sum is -0.1"),
        (lambda: SGD(weight_decay=-1), "weight_decay is -1; it must be 0 or more"),
        (lambda: SGD(decay="decopled"), "decay is 'decopled'; did you mean decoupled"),
        (lambda: Momentum(momentum=1), "momentum is 1; it must be 0 or more and below 1"),
        (lambda: Adam(beta1=1), "beta1 is 1; it must be 0 or more and below 1"),
        (lambda: Adam(beta2=-0.1), "beta2 is -0.1"),
        (lambda: RMSprop(alpha=1), "alpha is 1; it must be"),
        (lambda: CenteredRMSprop(momentum=1), "momentum is 1; it must be 0 or more and below 1"),
        (lambda: Momentum(dampening=-0.5), "dampening is -0.5; it must be between 0 and 1"),
        (lambda: Adagrad(lr_decay=-0.5), "lr_decay is -0.5"),
        (lambda: SGD(lr="fast"), "lr is 'fast'; it must be 0 or more"),
        (lambda: require_optimizer("adamm"), "unknown optimizer 'adamm'; did you mean adam"),
    ],
)
def test_refuses_bad_numbers(make, message):
    with pytest.raises(UserError, match=message):
        make()


SHARE, POSITIVE, ANY = "0 or more and below 1", "above 0", "0 or more"
ADAM = {"learning_rate": (1e-3, ANY), "beta1": (0.9, SHARE), "beta2": (0.999, SHARE), "epsilon": (1e-8, ANY)}
BOUND = {"final_lr": (0.1, ANY), "bound_gamma": (1e-3, POSITIVE)}
RMS = {"learning_rate": (1e-3, ANY), "alpha": (0.99, SHARE), "epsilon": (1e-8, ANY)}
PERIODS = {"schedule_gamma": (0.1, ANY), "schedule_every": (30, "above 0 epochs")}
SETTINGS = {
    "sgd": {},
    "momentum": {"momentum": (0.9, SHARE), "dampening": (0.0, "between 0 and 1")},
    "nesterov": {"momentum": (0.9, SHARE)},
    "adam": ADAM,
    "adamw": ADAM | {"weight_decay": (1e-2, ANY)},
    "amsgrad": ADAM,
    "adabound": ADAM | BOUND,
    "amsbound": ADAM | BOUND,
    "rmsprop": RMS,
    "centeredrmsprop": RMS | {"momentum": (0.0, SHARE)},
    "adagrad": {"epsilon": (1e-10, ANY), "initial_sum": (0.0, ANY), "lr_decay": (0.0, ANY)},
    "constant": {},
    "exponential": PERIODS,
    "step": PERIODS,
    "cosine": {"schedule_floor": (0.0, "between 0 and 1")},
}
OF_ALL = {"learning_rate": (1e-2, ANY), "weight_decay": (0.0, ANY)}, {"warmup": (0, "0 or more epochs")}


@pytest.mark.parametrize("name", SETTINGS)
def test_numbers_have_these_names_defaults_and_ranges(name):
    kind, shared = (OPTIMIZERS[name], OF_ALL[0]) if name in OPTIMIZERS else (SCHEDULES[name], OF_ALL[1])
    declared = options_of(kind)
    numbers = {n: (d.default, d.option.range) for n, d in declared.items() if d.kind is float}
    assert numbers == shared | SETTINGS[name]
    others = {n: (d.default, d.kind) for n, d in declared.items() if n not in numbers}
    decay = "decoupled" if name == "adamw" else "coupled"
    kinds = {"decay": (decay, Literal["coupled", "decoupled"]), "decay_all": (False, bool)}
    assert others == (kinds if name in OPTIMIZERS else {})
    assert {n for n, d in declared.items() if d.option.in_epochs} == declared.keys() & {"warmup", "schedule_every"}
    assert [d.option.alias for n, d in declared.items() if d.option.alias] == ["--lr"] * (name in OPTIMIZERS)
    assert all(d.option.help.endswith(".") for d in declared.values())


def test_state_starts_at_zero_unless_said_otherwise():
    assert Adam().initial_slot("m") == 0
    assert Adagrad(initial_sum=0.1).initial_slot("s") == 0.1
