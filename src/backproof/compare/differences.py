"""In which options runs differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from backproof.runs.spec import EngineOptions, OutputOptions, RunSpec
from backproof.runs.store import Run
from backproof.runs.toml import effective_tables


@dataclass(frozen=True)
class Option:
    """One option in every run: the table and key of the TOML file, and a value a run, in the order of the runs."""

    table: str
    key: str
    values: tuple[Any, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs have more than one value."""
        return any(value != self.values[0] for value in self.values)


def options(specs: Sequence[RunSpec]) -> tuple[Option, ...]:
    """Every option of the `specs`, in the order of the specification."""
    every = [effective_tables(spec) for spec in specs]
    names = {(table, name): None for tables in every for table, options in tables.items() for name in options}
    return tuple(Option(table, name, tuple(tables[table].get(name) for tables in every)) for table, name in names)


def differences(specs: Sequence[RunSpec]) -> tuple[Option, ...]:
    """The options that differ and can change a result: those of the output table cannot, and are left out."""
    return tuple(option for option in options(specs) if option.differs and option.table != "output")


def same_but_engine(a: Run, b: Run) -> bool:
    """Whether two runs start from the same weights and see the same batches, and only the engine is another.

    Their weights should then agree to rounding. The same engine with another dtype, device or thread count counts
    as another engine.
    """
    alike = [replace(run.spec, engine=EngineOptions(), output=OutputOptions()) for run in (a, b)]
    return alike[0] == alike[1] and a.spec.engine != b.spec.engine and subject(a) == subject(b)


def subject(run: Run) -> tuple[str, str]:
    """What identifies data and network: equal options may name a dataset or a user's file that has changed since."""
    return run.dataset.fingerprint, run.graph.hash
