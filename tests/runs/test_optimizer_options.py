"""Every setting of every optimizer has an option, from the command line and TOML to the optimizer itself."""

import tomllib
from dataclasses import fields
from itertools import product

import pytest

from backproof.errors import UserError
from backproof.optim import OPTIMIZERS, Cosine, Optimizer
from backproof.runs.launch import resume, run
from backproof.runs.prepare import FIELDS, NOT_OPTIMIZER, make_optimizer
from backproof.runs.spec import OptimizerOptions
from backproof.runs.store import open_run
from backproof.runs.toml import spec_from_tables, to_toml

OPTIONS = {FIELDS.get(f.name, f.name): f.name for f in fields(OptimizerOptions) if f.name not in NOT_OPTIMIZER}
"""The option of each setting."""

SETTINGS = [
    (name, field.name)
    for name, kind in OPTIMIZERS.items()
    for field in fields(kind)
    if field.name != "schedule" and (name, field.name) != ("nesterov", "dampening")
]
OTHER = {"decay": "decoupled", "decay_all": True}
"""Values of the settings that are no number."""


def make(**options: object) -> Optimizer:
    """The optimizer that a run with these options has, after they were written to a file and read again."""
    spec = spec_from_tables({"optimizer": options})
    again = spec_from_tables(tomllib.loads(to_toml(spec)))
    return make_optimizer(again.optimizer, steps_per_epoch=10, epochs=3)


@pytest.mark.parametrize(("optimizer", "setting"), SETTINGS)
def test_every_setting_can_be_given(optimizer: str, setting: str) -> None:
    value = OTHER.get(setting, 0.375)
    assert getattr(make(optimizer=optimizer, **{OPTIONS[setting]: value}), setting) == value


@pytest.mark.parametrize(
    ("optimizer", "setting"), [pair for pair in product(OPTIMIZERS, OPTIONS) if pair not in SETTINGS]
)
def test_every_other_option_is_refused_by_name(optimizer: str, setting: str) -> None:
    option = OPTIONS[setting].replace("_", "-")
    with pytest.raises(UserError, match=f"^optimizer '{optimizer}' has no --{option}; it has --learning-rate") as error:
        make(optimizer=optimizer, **{OPTIONS[setting]: 0.375})
    listed = str(error.value).partition("it has ")[2].split(", ")
    assert listed == [f"--{OPTIONS[s].replace('_', '-')}" for s in OPTIONS if (optimizer, s) in SETTINGS]


def test_what_is_not_given_is_the_optimizers_own() -> None:
    assert all(make(optimizer=name) == kind() for name, kind in OPTIMIZERS.items())


def test_the_floor_of_a_cosine() -> None:
    assert make(schedule="cosine", schedule_floor=0.25).schedule == Cosine(steps=30, floor=0.25)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"optimizer": "momentum", "dampening": 1.5}, "dampening lies between 0 and 1, not 1.5"),
        ({"optimizer": "adagrad", "lr_decay": -1.0}, "Adagrad's lr_decay is 0 or more, not -1.0"),
        ({"optimizer": "adagrad", "initial_sum": -1.0}, "Adagrad's initial_sum is 0 or more, not -1.0"),
        ({"optimizer": "adabound", "bound_gamma": 0.0}, "AdaBound's gamma is above 0, not 0.0"),
        ({"schedule_gamma": -1.0}, "schedule_gamma is -1; it must be 0 or more"),
        ({"schedule_every": 0.0}, "schedule_every is 0; it must be above 0 epochs"),
        ({"schedule_floor": 1.5}, "schedule_floor is 1.5; it must be between 0 and 1"),
        ({"warmup": float("nan")}, "warmup is nan; it must be 0 or more epochs"),
    ],
)
def test_values_that_cannot_be(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "momentum", "dampening": 0.5},
        {"optimizer": "adagrad", "lr_decay": 0.1, "initial_sum": 0.2},
        {"optimizer": "centeredrmsprop", "momentum": 0.5, "learning_rate": 0.01},
    ],
)
def test_a_run_goes_on_with_them(make_spec, assert_same_end, options: dict[str, object]) -> None:
    whole, part = run(make_spec(**options)), run(make_spec(**options, epochs=2))
    resumed = resume(part.path, spec=make_spec(**options))
    assert_same_end(resumed, whole)
    assert {name: getattr(open_run(part.path).spec.optimizer, name) for name in options} == options
