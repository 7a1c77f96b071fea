"""An option declared once: type, default, help, range and the rest follow from its field.

batch_size: int | Literal["full"] = option(64, "Samples a step, or full.", minimum=1)
"""

from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from math import isfinite
from numbers import Real
from types import UnionType
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from backproof.errors import OptionError, suggestion

Value = TypeVar("Value")


def option(default: Value, help: str = "", **known: Any) -> Value:
    """The field of a dataclass that is an option; `known`: the attributes of `Option`."""
    made: Value = field(default=default, metadata={"option": Option(help=help, **known)})
    return made


@dataclass(frozen=True, kw_only=True)
class Option:
    """What is to be known of an option besides its type and default. Choices are those of a `Literal` type.

    Attributes:
        help: one or two sentences for the command line.
        minimum: the least value; for a tuple, of each item.
        above: a bound that is itself no value.
        maximum: the largest value.
        below: a bound that is itself no value.
        zero: what 0 stands for where it lies below the minimum, such as "off".
        unit: of the number, in the plural, for the sentence of a wrong value.
        alias: another name, as at the command line: -d, or --lr, which files and Python know as lr.
        name: where users call the option otherwise than its field.
        in_epochs: of a field that counts steps: users give it in epochs.
        resumable: may differ when a run goes on, because no weight depends on it.
    """

    help: str = ""
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    below: float | None = None
    zero: str = ""
    unit: str = ""
    alias: str = ""
    name: str = ""
    in_epochs: bool = False
    resumable: bool = False

    @property
    def range(self) -> str:
        """The values that there are, in words."""
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and self.maximum is not None:
            text = f"between {self.minimum:g} and {self.maximum:g}{unit}"
        else:
            low = f"above {self.above:g}{unit}" if self.above is not None else ""
            low = f"{self.minimum:g} or more{unit}" if self.minimum is not None else low
            high = f"below {self.below:g}{unit}" if self.below is not None else ""
            high = f"{self.maximum:g} or less{unit}" if self.maximum is not None else high
            text = " and ".join(part for part in (low, high) if part) or "a finite number"
        return f"{text}, or 0 for {self.zero}" if self.zero else text

    def allows(self, value: object) -> bool:
        """Whether the value is a finite number within the range."""
        if not isinstance(value, Real):
            return False
        number = float(value)
        return (self.zero != "" and number == 0) or (
            isfinite(number)
            and (self.minimum is None or number >= self.minimum)
            and (self.above is None or number > self.above)
            and (self.maximum is None or number <= self.maximum)
            and (self.below is None or number < self.below)
        )


@dataclass(frozen=True)
class Declared:
    """An option with what its field says.

    Attributes:
        name: as users know it in Python and in files.
        field: of the dataclass.
        kind: type of the field.
        default: of the field.
        option: what else is to be known.
    """

    name: str
    field: str
    kind: Any
    default: Any
    option: Option

    @property
    def names(self) -> tuple[str, ...]:
        """The name, and the alias if files and Python know it."""
        alias = self.option.alias
        return (self.name, alias.removeprefix("--").replace("-", "_")) if alias.startswith("--") else (self.name,)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that its type allows."""
        return tuple(c for part in parts(self.kind) if get_origin(part) is Literal for c in get_args(part))

    @property
    def item(self) -> type | None:
        """`int` where the option is a `tuple[int, ...]`; None where it is no tuple."""
        return next((get_args(part)[0] for part in parts(self.kind) if get_origin(part) is tuple), None)

    def check(self, value: object, name: str = "") -> None:
        """Raise `OptionError` unless the value is a choice, or a number in the range; `name`: as the error calls it."""
        called, numbers = f"{{{name or self.name}}}", {int, float} & {*parts(self.kind), self.item}
        if isinstance(value, tuple):
            for part in value:
                self.check(part, name)
        elif isinstance(value, str) and self.choices and not numbers:
            if value not in self.choices:
                raise OptionError(f"{called} is '{{}}'; {{}}", value, suggestion(value, self.choices))
        elif not (value is None or value in self.choices or not numbers or self.option.allows(value)):
            words = "".join(f", or {choice}" for choice in self.choices)
            shown = f"{value:g}" if isinstance(value, float) else repr(value)
            raise OptionError(f"{called} is {{}}; it must be {{}}{{}}", shown, self.option.range, words)


def parts(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    return get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)


def options_of(group: type) -> dict[str, Declared]:
    """The options of a dataclass by name, in the order of its fields.

    A class that gives a field another default may leave out what its base has said of it.
    """
    return dict(_options_of(group))


@cache
def _options_of(group: type) -> dict[str, Declared]:
    types, found = get_type_hints(group), {}
    for f in fields(group):
        said = [base.__dict__.get("__dataclass_fields__", {}).get(f.name) for base in group.__mro__]
        known = [own.metadata["option"] for own in said if own is not None and "option" in own.metadata]
        plain = getattr(group, "plain_fields", False) and f.default is not MISSING and _is_plain(types[f.name])
        if known or plain:
            own = known[0] if known else Option()
            kind = float if own.in_epochs else types[f.name]
            found[own.name or f.name] = Declared(own.name or f.name, f.name, kind, f.default, own)
    return found


def _is_plain(kind: Any) -> bool:
    return kind in (int, float, bool, str) or get_origin(kind) is Literal


@dataclass(frozen=True, kw_only=True)
class OptionGroup:
    """A group of options, each of which is checked when the group is made."""

    plain_fields: ClassVar[bool] = False
    """Whether a field of a simple type with a default is an option too, of which nothing more is said."""

    def __post_init__(self) -> None:
        group: type = type(self)
        for declared in options_of(group).values():
            declared.check(getattr(self, declared.field), declared.field)
        self.check_together()

    def check_together(self) -> None:
        """Raise `OptionError` for options that do not go together."""
