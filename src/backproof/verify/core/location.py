"""What a finding is about: which array, or which other thing an engine owes."""

from dataclasses import dataclass, replace
from typing import Literal

from backproof.engines.base import Direction

LocationKind = Literal[
    "output",
    "loss",
    "cost",
    "gradient of output",
    "gradient of parameter",
    "gradient of input",
    "gradients",
    "state",
    "optimizer state",
    "parameter",
    "weights",
    "contract",
    "anomaly",
    "everything",
]


@dataclass(frozen=True, slots=True)
class Location:
    """An array by what it is and by its name, which is "" where there is only one.

    A "contract" or an "anomaly" is no array; its name says what every engine owes, or what is wrong with the numbers.
    """

    kind: LocationKind
    name: str = ""

    @property
    def direction(self) -> Direction:
        """The pass that makes it."""
        return "backward" if self.kind.startswith("gradient") else "forward"

    def within(self, node: str) -> "Location":
        """As seen from inside a node: `weight` for `fc1.weight`."""
        return replace(self, name=self.name.removeprefix(f"{node}."))

    @property
    def key(self) -> str:
        """A name in a file, which `of_key` reads."""
        return f"{self.kind}/{self.name}"

    @classmethod
    def of_key(cls, key: str) -> "Location":
        """The location that wrote `key`."""
        kind, _, name = key.partition("/")
        return cls(kind, name)  # type: ignore[arg-type]

    def __str__(self) -> str:
        if self.kind in ("contract", "anomaly", "parameter"):
            return self.name
        return f"{self.kind} {self.name}".replace("of parameter ", "of ").strip()


OUTPUT = Location("output")
LOSS = Location("loss")
EVERYTHING = Location("everything")
