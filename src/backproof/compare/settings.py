"""In which options runs differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from backproof.runs.spec import EngineOptions, OutputOptions, RunSpec
from backproof.runs.store import RunSnapshot
from backproof.runs.toml import effective_tables


@dataclass(frozen=True)
class Setting:
    """One option in every run: the table and key of the TOML file, and a value a run, in the order of the runs."""

    table: str
    key: str
    values: tuple[Any, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs have more than one value."""
        return any(value != self.values[0] for value in self.values)


def settings(specs: Sequence[RunSpec]) -> tuple[Setting, ...]:
    """Every option of the `specs`, in the order of the specification."""
    every = [effective_tables(spec) for spec in specs]
    names = {(table, name): None for tables in every for table, options in tables.items() for name in options}
    return tuple(Setting(table, name, tuple(tables[table].get(name) for tables in every)) for table, name in names)


def differing(specs: Sequence[RunSpec]) -> tuple[Setting, ...]:
    """The options that differ and can change a result: those of the output table cannot, and are skipped."""
    return tuple(setting for setting in settings(specs) if setting.differs and setting.table != "output")


def same_but_engine(a: RunSnapshot, b: RunSnapshot) -> bool:
    """Whether two runs start from the same weights and see the same batches, and only the engine is another.

    Their weights should then agree to rounding. The same engine with another dtype, device or thread count counts
    as another engine.
    """
    alike = [replace(run.spec, engine=EngineOptions(), output=OutputOptions()) for run in (a, b)]
    return alike[0] == alike[1] and a.spec.engine != b.spec.engine and subject(a) == subject(b)


def subject(run: RunSnapshot) -> tuple[str, str]:
    """What identifies data and network: equal options may name a dataset or a user's file that has changed since."""
    return run.dataset.fingerprint, run.graph.hash
