"""What may differ between a run and its continuation."""

from dataclasses import replace

from backproof.errors import RunError
from backproof.optim import SCHEDULES
from backproof.runs.spec import RunSpec, tables
from backproof.runs.toml import effective_tables


def continued(kept: RunSpec, wanted: RunSpec) -> RunSpec:
    """The specification with which a run goes on: `wanted`, if it leads to the same weights.

    Resumable options and [output] may differ, but for the run's name and place. More epochs are allowed, unless the
    rates of the schedule depend on their number, as those of a cosine do. Raises `UserError` that shows
    every other difference. Files of the user's own may lie at another place; what is in them is compared elsewhere.
    """
    wanted = replace(wanted, model=replace(wanted.model, use=kept.model.use))
    free = {name for options in tables().values() for name, declared in options.items() if declared.option.resumable}
    if wanted.training.epochs > kept.training.epochs and not SCHEDULES.require(wanted.optimizer.schedule).needs_end:
        free.add("epochs")
    before, after = effective_tables(kept), effective_tables(wanted)
    differences = []
    for table in before:
        for key in sorted(before[table].keys() | after[table].keys()):
            old, new = before[table].get(key), after[table].get(key)
            if old == new or table == "output" or key in free:
                continue
            differences.append(f"[{table}] {key} was {_shown(old)}, now {_shown(new)}")
    if differences:
        raise RunError(
            f"run '{kept.output.name}' cannot go on with another specification: {'; '.join(differences)}. "
            f"Only more epochs (unless the schedule depends on their number), checks and outputs may differ; "
            f"begin a new run for the rest"
        )
    return replace(wanted, output=replace(wanted.output, name=kept.output.name, runs_dir=kept.output.runs_dir))


def _shown(value: object) -> str:
    return "not given" if value is None else repr(value)
