"""Which ways engines took in a check, of several that lead to the same numbers."""

from collections.abc import Iterable, Mapping

from backproof.engines import Predictor, ways_of

WaysTaken = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By engine, then by operation or optimizer; "network" has those of passes. In the order of the alphabet."""


class Ways:
    """Collects what predictors noted."""

    def __init__(self) -> None:
        self._taken: dict[str, dict[str, set[str]]] = {}

    def add(self, engine: str, predictor: Predictor) -> None:
        """What a predictor has done; it is asked when it has done all, since every pass may add to it."""
        self._join(engine, ways_of(predictor))

    def _join(self, engine: str, ways: Mapping[str, Iterable[str]]) -> None:
        for name, taken in ways.items():
            if taken:
                self._taken.setdefault(engine, {}).setdefault(name, set()).update(taken)

    @property
    def taken(self) -> WaysTaken:
        """All that were taken."""
        return {
            engine: {name: tuple(sorted(taken)) for name, taken in sorted(ways.items())}
            for engine, ways in self._taken.items()
        }

    @classmethod
    def joined(cls, parts: Iterable[WaysTaken]) -> WaysTaken:
        """Those of several checks."""
        whole = cls()
        for part in parts:
            for engine, ways in part.items():
                whole._join(engine, ways)
        return whole.taken
