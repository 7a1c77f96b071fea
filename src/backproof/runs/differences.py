"""What may differ between a run and its continuation."""

from dataclasses import replace

from backproof.errors import UserError
from backproof.runs.spec import RunSpec
from backproof.runs.toml import tables_of

FREE = {
    ("data", "data_dir"),
    ("data", "cache_dir"),
    ("training", "gradient_checks"),
    ("training", "gradient_check_every"),
    ("training", "check_against"),
    ("training", "check_every"),
    ("training", "check_against_action"),
    ("training", "health_checks"),
}
"""Options that change no weight: where the data lies (its fingerprint is compared), and who looks on."""


def continued(kept: RunSpec, wanted: RunSpec) -> RunSpec:
    """The specification with which a run goes on: `wanted`, if it leads to the same weights.

    [output] may differ but for the run's name and place. More epochs are allowed, unless the schedule is a cosine,
    whose rates depend on their number. Raises `UserError` that shows every other difference.
    """
    free = set(FREE)
    if wanted.training.epochs > kept.training.epochs and kept.optimizer.schedule != "cosine":
        free.add(("training", "epochs"))
    before, after = tables_of(kept), tables_of(wanted)
    differences = []
    for table in before:
        for key in sorted(before[table].keys() | after[table].keys()):
            old, new = before[table].get(key), after[table].get(key)
            if old == new or table == "output" or (table, key) in free:
                continue
            differences.append(f"[{table}] {key} was {_shown(old)}, now {_shown(new)}")
    if differences:
        raise UserError(
            f"run '{kept.output.name}' cannot go on with another specification: {'; '.join(differences)}. "
            f"Only more epochs (without a cosine schedule), checks and outputs may differ; begin a new run for the rest"
        )
    return replace(wanted, output=replace(wanted.output, name=kept.output.name, runs_dir=kept.output.runs_dir))


def _shown(value: object) -> str:
    return "not given" if value is None else repr(value)
