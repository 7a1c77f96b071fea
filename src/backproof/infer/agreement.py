"""How far the answers of several engines are apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backproof.graph import Array
from backproof.tables import Column, Table, Value

FAR = 1e-3
"""Largest difference between two engines, of the largest number put out, that float32 explains in a deep network.

ResNet-18 and U²-Net-P were seen at 1e-6 to 1e-5; a wrong formula, a mask or a layout makes 0.01 and more.
"""


@dataclass(eq=False)
class Agreement:
    """Differences from the first engine, over all samples so far.

    Attributes:
        engines: by name.
        apart: the largest difference of any number that is put out.
        largest: the largest number that the first engine put out.
        other: samples of which the likeliest class is another one.
    """

    engines: tuple[str, ...]
    largest: float = 0.0
    apart: dict[str, float] = field(default_factory=dict)
    other: dict[str, int] = field(default_factory=dict)

    def add(self, outputs: Sequence[Array], *, ranked: bool) -> None:
        """Count a batch: what each engine put out; `ranked` where the highest number is the answer."""
        first, *others = outputs
        if not others:
            return
        self.largest = max(self.largest, float(abs(first).max()))
        for engine, output in zip(self.engines[1:], others, strict=True):
            apart = abs(np.subtract(output, first, dtype=np.float64)).max()
            self.apart[engine] = float(np.fmax(self.apart.get(engine, 0.0), apart)) if apart == apart else np.inf
            if ranked:
                differ = np.count_nonzero(output.argmax(1) != first.argmax(1))
                self.other[engine] = self.other.get(engine, 0) + int(differ)

    def relative(self, engine: str) -> float:
        """The difference over the largest number that the first engine put out."""
        apart = self.apart[engine]
        return apart / self.largest if self.largest else apart

    @property
    def agrees(self) -> bool:
        """Whether rounding explains all differences."""
        return all(self.relative(engine) <= FAR for engine in self.apart)

    def table(self) -> Table:
        """One line an engine."""
        columns = [Column("engine"), Column("largest difference", "error"), Column("relative", "error")]
        columns += [Column("other answers", "count")] if self.other else []
        rows: list[list[Value]] = [
            [engine, apart, self.relative(engine), *([self.other[engine]] if self.other else [])]
            for engine, apart in self.apart.items()
        ]
        note = f"Relative to the largest number that {self.engines[0]} put out, {self.largest:.4g}."
        return Table.of(columns, rows, f"Differences from {self.engines[0]}", [note])
