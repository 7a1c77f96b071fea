"""From what stands on the command line to the experiments that it asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from backproof.errors import UserError
from backproof.runs.spec import RunSpec
from backproof.runs.toml import Tables, merge_tables, read_tables, spec_from_tables

NEXT = "--experiment"


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options of the command line up to, or after, one `--experiment`: only what was really given."""

    config: str | None
    repeat: int | None
    resume: str | None
    report: str | None
    tables: Tables


def split(tokens: Sequence[str]) -> list[list[str]]:
    """The tokens before the first `--experiment`, and those after each."""
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token == NEXT:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def experiments(common: Given, own: Sequence[Given]) -> list[RunSpec]:
    """One specification a run.

    Every experiment of the file (or one that is all defaults, if there is none) is combined with every `--experiment`
    of the command line. What an experiment says itself goes before what is common; the command line goes before the
    file; `--repeat` gives each model seed, the next one, and so on.
    """
    for given in own:
        for option in ("config", "resume", "report"):
            if getattr(given, option) is not None:
                raise UserError(f"--{option} is for all experiments; give it before the first {NEXT}.")
    bases = read_tables(common.config) if common.config else [{}]
    source = common.config or ""
    return list(
        chain.from_iterable(
            repeats(
                spec_from_tables(merge_tables(merge_tables(base, common.tables), given.tables), source),
                given.repeat or common.repeat or 1,
            )
            for base in bases
            for given in own or [common]
        )
    )


def repeats(spec: RunSpec, count: int) -> list[RunSpec]:
    """The same run with `count` model seeds, from its own on."""
    if count < 1:
        raise UserError(f"--repeat is {count}; it must be 1 or more.")
    seeds = range(spec.model.model_seed, spec.model.model_seed + count)
    return [replace(spec, model=replace(spec.model, model_seed=seed)) for seed in seeds]
