"""From what stands on the command line to the experiments that it asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from backproof.errors import UserError
from backproof.runs.launch import repeats
from backproof.runs.spec import RunSpec
from backproof.runs.toml import Tables, merge_tables, read_tables, spec_from_tables, tables_of
from backproof.runs.use import load

NEXT = "--experiment"


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options of the command line up to, or after, one `--experiment`: only what was really given."""

    config: str | None
    repeat: int | None
    resume: str | None
    use_kept: bool
    tables: Tables


def split(tokens: Sequence[str]) -> list[list[str]]:
    """The tokens before the first `--experiment`, and those after each."""
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token.startswith(f"{NEXT}="):
            raise UserError(f"{NEXT} takes no value; the options of the next experiment follow it")
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
        for option in ("config", "resume"):
            if getattr(given, option) is not None:
                raise UserError(f"--{option} is for all experiments; give it before the first {NEXT}")
    bases = read_tables(common.config) if common.config else [{}]
    for base in bases:
        load(base)
    specs = []
    for base in bases:
        for given in own or [common]:
            over = merge_tables(common.tables, given.tables)
            count = next((n for n in (given.repeat, common.repeat) if n is not None), 1)
            specs += repeats(spec_from_tables(base, common.config or "", over), count)
    return specs


def continuation(common: Given, own: Sequence[Given], kept: RunSpec) -> RunSpec:
    """The specification with which a run goes on: as it was, but for what the command line and its file say."""
    if own or common.repeat is not None:
        raise UserError(f"--resume goes on with one run; leave out {NEXT if own else '--repeat'}")
    under = merge_tables(tables_of(kept), read_tables(common.config)[0]) if common.config else tables_of(kept)
    return spec_from_tables(under, common.config or "", common.tables)
