"""Values by name."""

from collections.abc import Iterator, Mapping


class Metrics(Mapping[str, float]):
    """What was measured, by name: cost and loss first, then the metrics of the task. It does not change.

    >>> measured = Metrics(cost=0.5, loss=0.25, accuracy=0.75)
    >>> measured["accuracy"], measured.loss, list(measured)
    (0.75, 0.25, ['cost', 'loss', 'accuracy'])
    """

    __slots__ = ("_values",)

    def __init__(self, *values: Mapping[str, float], **named: float) -> None:
        self._values = dict(*values, **named)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __getattr__(self, name: str) -> float:
        if name.startswith("_") or name not in self:  # copy and pickle ask for methods before there are values
            raise AttributeError(f"{name} was not measured")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Metrics({', '.join(f'{name}={value!r}' for name, value in self.items())})"
