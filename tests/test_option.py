"""Options declared once: ranges in words, choices, inheritance, and names as the reader knows them."""

import pickle
from dataclasses import dataclass
from typing import Literal

import pytest

from backproof.errors import OptionError, command_line_name, options_named
from backproof.option import OptionGroup, option, options_of


@dataclass(frozen=True, kw_only=True)
class Base(OptionGroup):
    batch_size: int | Literal["full"] = option(64, "Samples a step.", minimum=1)
    patience: int = option(0, minimum=1, unit="epochs", zero="off")
    rate: float = option(0.1, above=0, alias="--lr")
    beta: float = option(0.9, minimum=0, below=1)
    angle: float = option(0.0, minimum=0, maximum=180, unit="degrees")
    sizes: tuple[int, ...] | None = option(None, minimum=1)
    decay: Literal["coupled", "decoupled"] = option("coupled")
    whole: bool = option(True)
    note: str = option("")


@dataclass(frozen=True, kw_only=True)
class Derived(Base):
    rate: float = 0.5
    own: int = option(1, name="its_own", resumable=True)
    plain: int = 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be 1 or more, or full"),
        ({"batch_size": "all"}, "batch_size is 'all'; it must be 1 or more, or full"),
        ({"patience": -1}, "patience is -1; it must be 1 or more epochs, or 0 for off"),
        ({"rate": 0.0}, "rate is 0; it must be above 0"),
        ({"rate": float("inf")}, "rate is inf; it must be above 0"),
        ({"rate": "fast"}, "rate is 'fast'; it must be above 0"),
        ({"beta": 1}, "beta is 1; it must be 0 or more and below 1"),
        ({"angle": 181.0}, "angle is 181; it must be between 0 and 180 degrees"),
        ({"sizes": (3, 0)}, "sizes is 0; it must be 1 or more"),
        ({"decay": "decopled"}, "decay is 'decopled'; did you mean decoupled or coupled?"),
    ],
)
def test_a_value_that_cannot_be(given: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as error:
        Base(**given)  # type: ignore[arg-type]
    assert str(error.value) == message
    assert error.value.option == next(iter(given))
    with options_named(command_line_name):
        assert str(error.value) == message.replace(error.value.option, f"--{error.value.option.replace('_', '-')}", 1)


def test_values_at_the_bounds() -> None:
    made = Base(batch_size="full", patience=0, beta=0, angle=180, sizes=(1,), whole=False, note="any")
    assert (made.batch_size, made.sizes) == ("full", (1,))


def test_a_derived_class_keeps_what_its_base_says() -> None:
    declared = options_of(Derived)
    assert list(declared) == [*options_of(Base), "its_own"]
    assert (declared["rate"].default, declared["rate"].option.above, options_of(Base)["rate"].default) == (0.5, 0, 0.1)
    assert (declared["its_own"].field, declared["its_own"].option.resumable) == ("own", True)
    assert declared["rate"].names == ("rate", "lr")
    assert (declared["sizes"].item, declared["batch_size"].choices) == (int, ("full",))


def test_names_in_python_and_at_the_command_line() -> None:
    error = OptionError(
        "{stop_early} needs {early_stopping:N} or {eval_dev:False}, not {} of {{x}}; {batch_size:{}}", 3, 8
    )
    assert str(error) == "stop_early needs early_stopping=N or eval_dev=False, not 3 of {x}; batch_size=8"
    with options_named(command_line_name):
        assert str(error) == "--stop-early needs --early-stopping N or --no-eval-dev, not 3 of {x}; --batch-size 8"
        assert f"in a sentence: {error}".startswith("in a sentence: --stop-early")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
