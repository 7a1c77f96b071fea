"""Every setting of every optimizer has an option, from the command line and TOML to the optimizer itself."""

import pickle
import tomllib
from copy import copy
from dataclasses import dataclass, fields, replace
from itertools import product

import pytest

from backproof.errors import OptionError, UserError
from backproof.optim import OPTIMIZERS, Cosine, Optimizer
from backproof.optim.optimizer import optimizer
from backproof.option import option, options_of
from backproof.runs.launch import resume, run
from backproof.runs.optimizer import OptimizerOptions, make_optimizer, optimizer_options
from backproof.runs.options import spec_from_options
from backproof.runs.store import open_run
from backproof.runs.toml import spec_from_tables, to_toml

OPTIONS = {s.field: name for kind in OPTIMIZERS.values() for name, s in options_of(kind).items()}
"""The option of each setting."""

SETTINGS = [
    (name, field.name) for name, kind in OPTIMIZERS.items() for field in fields(kind) if field.name != "schedule"
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
    option = OPTIONS[setting]
    with pytest.raises(OptionError, match=f"^optimizer '{optimizer}' has no {option}; it has learning_rate") as error:
        make(optimizer=optimizer, **{OPTIONS[setting]: 0.375})
    listed = str(error.value).partition("it has ")[2].split(", ")
    assert listed == [OPTIONS[s] for name, s in SETTINGS if name == optimizer]


def test_what_is_not_given_is_the_optimizers_own() -> None:
    assert all(make(optimizer=name) == kind() for name, kind in OPTIMIZERS.items())


def test_the_floor_of_a_cosine() -> None:
    assert make(schedule="cosine", schedule_floor=0.25).schedule == Cosine(steps=30, floor=0.25)


def test_a_setting_of_another_schedule() -> None:
    with pytest.raises(OptionError, match=r"^schedule 'constant' has no schedule_floor; it has warmup$"):
        make(schedule_floor=0.5)
    # Earlier versions wrote the defaults of all schedules, and of decay_all, into each file.
    kept = {"schedule_gamma": 0.1, "schedule_every": 30.0, "schedule_floor": 0.0, "warmup": 0.0, "decay_all": False}
    assert make(**kept) == make()
    with pytest.raises(UserError, match=r"unknown key of \[optimizer\] 'schedule_flor'; did you mean schedule_floor"):
        make(schedule_flor=0.5)


def test_a_setting_reads_as_an_attribute() -> None:
    options = OptimizerOptions(optimizer="adam", beta1=0.8)
    assert (options.beta1, options.beta2, options.effective["beta2"]) == (0.8, None, 0.999)
    assert replace(options, beta2=0.5).settings == {"beta1": 0.8, "beta2": 0.5}
    with pytest.raises(AttributeError, match="'beta3'"):
        options.beta3  # noqa: B018
    assert hash(options) == hash(OptimizerOptions(optimizer="adam"))
    assert copy(pickle.loads(pickle.dumps(options))) == options


def test_settings_of_a_custom_optimizer() -> None:
    """They are options as soon as it is registered; before, a file that names it can be read, but not trained."""
    unknown = spec_from_tables({"optimizer": {"optimizer": "heavyball", "mass": 0.5}})
    assert unknown.optimizer.settings == {"mass": 0.5}
    with pytest.raises(UserError, match="unknown optimizer 'heavyball'"):
        make_optimizer(unknown.optimizer, 10, 3)

    @optimizer
    @dataclass(frozen=True, kw_only=True)
    class HeavyBall(Optimizer):
        """v ← mass v + g,   w ← w - lr v."""

        mass: float = option(0.9, "Of the ball.", minimum=0, below=1)
        lazy: bool = False

    try:
        assert make(optimizer="heavyball", mass=0.25, lazy=True) == HeavyBall(mass=0.25, lazy=True)
        assert optimizer_options()["mass"].option.help == "Of the ball. [heavyball: 0.9]"
        assert spec_from_options({"optimizer": "heavyball", "mass": 0.5}) == unknown
        with pytest.raises(OptionError, match="mass is 1; it must be 0 or more and below 1"):
            make(optimizer="heavyball", mass=1.0)
        with pytest.raises(UserError, match=r"^mass: expected `float \| null`, got `str`"):
            make(optimizer="heavyball", mass="0.5")
        with pytest.raises(OptionError, match="optimizer 'sgd' has no mass; it has learning_rate"):
            make(mass=0.5)
    finally:
        OPTIMIZERS.forget(__name__)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"optimizer": "momentum", "dampening": 1.5}, "dampening is 1.5; it must be between 0 and 1"),
        ({"optimizer": "adagrad", "lr_decay": -1.0}, "lr_decay is -1; it must be 0 or more"),
        ({"optimizer": "adagrad", "initial_sum": -1.0}, "initial_sum is -1; it must be 0 or more"),
        ({"optimizer": "adabound", "bound_gamma": 0.0}, "bound_gamma is 0; it must be above 0"),
        ({"schedule": "step", "schedule_gamma": -1.0}, "schedule_gamma is -1; it must be 0 or more"),
        ({"schedule": "exponential", "schedule_every": 0.0}, "schedule_every is 0; it must be above 0 epochs"),
        ({"schedule": "cosine", "schedule_floor": 1.5}, "schedule_floor is 1.5; it must be between 0 and 1"),
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
