"""The quantities by which runs are compared: what each is called, and where in a run it is found.

Terms, as in Ng, "Machine Learning Yearning" (2018), chapters 20 to 22, with the Bayes error taken as 0:

    avoidable bias = train error - Bayes error = 1 - train accuracy
    variance       = dev error - train error   = train accuracy - dev accuracy
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from backproof.metrics import METRICS, Metrics
from backproof.metrics.metric import measure_or_plain
from backproof.runs.store import RunSnapshot
from backproof.tables import Column, Unit

Partition = Literal["train", "dev", "test"]


@dataclass(frozen=True)
class Quantity:
    """A column of the comparison, and its value of a run: None is what the run has not, or not yet."""

    column: Column
    of: Callable[[RunSnapshot], str | float | None]


def quantities(runs: Sequence[RunSnapshot]) -> Iterator[Quantity]:
    """Those that fit the runs, in their order; the measures are those of the runs' tasks."""
    yield _text("model", "The network.", lambda run: run.spec.model.model)
    yield _text("engine", "Who computed.", lambda run: run.spec.engine.engine)
    yield _text("optimizer", "The optimizer and its learning rate.", _optimizer)
    yield _number("parameters", "count", "Trainable numbers in the network.", _parameters, short="params")
    meaning = "Trainable numbers for each training sample."
    yield _number("parameters per sample", "ratio", meaning, _parameters_per_sample, short="params /sample")
    yield from _measures(runs, "train")
    yield from _measures(runs, "dev")
    yield _number("early stop", "epoch", "Epoch at which early stopping is marked.", _early_stop)
    bias = Column("avoidable bias", "fraction", "", "lower", "1 − train accuracy.", "bias", "avoidable_bias")
    yield Quantity(bias, lambda run: _rest(1.0, _accuracy(run, "train")))
    variance = Column("variance", "fraction", "", "lower", "Train accuracy − dev accuracy.", "var.", "variance")
    yield Quantity(variance, lambda run: _rest(_accuracy(run, "train"), _accuracy(run, "dev")))
    yield from _measures(runs, "test")
    yield Quantity(Column("time", "seconds", "", "lower", "Wall time of the training.", key="seconds"), _seconds)
    # Of memory none is better: in one process the first run would always win.
    memory = "Most memory of the whole process so far: a later run of one command shows no less than those before it."
    yield Quantity(
        Column("peak memory", "megabytes", "", None, memory, "peak", "peak_memory_mb"),
        lambda run: run.result.peak_memory_mb if run.result else None,
    )


def measured(run: RunSnapshot, partition: Partition) -> Metrics | None:
    """What was measured of a partition: on the final weights, or in the last epoch as long as there is no result.

    In the latter the train measures are means over the epoch's minibatches, taken while the weights moved.
    """
    if run.result is not None and run.result.train is not None:
        return getattr(run.result, partition)  # type: ignore[no-any-return]
    return getattr(run.epochs[-1], partition, None) if run.epochs else None


def epochs_done(run: RunSnapshot) -> int:
    """The last epoch that is done."""
    return run.epochs[-1].epoch if run.epochs else 0


def same_goal(runs: Sequence[RunSnapshot]) -> bool:
    """Whether all runs minimise the same loss on the same targets, so that their costs can be compared."""
    goals = {(run.dataset.targets, run.spec.model.loss, run.spec.model.label_smoothing) for run in runs}
    return len(goals) <= 1


def _measures(runs: Sequence[RunSnapshot], partition: Partition) -> Iterator[Quantity]:
    """Cost and streaming metrics of train and dev samples, all metrics of test samples."""
    found = dict.fromkeys(name for run in runs for name in measured(run, partition) or ())
    in_steps = {name for run in runs if run.epochs for name in run.epochs[-1].train}
    for name in found:
        streams = METRICS[name].streams if name in METRICS else name in in_steps
        if name == "loss" or not (name != "cost" if partition == "test" else name == "cost" or streams):
            continue
        m = measure_or_plain(name)
        better = m.better if name != "cost" or same_goal(runs) else None
        column = Column(m.title, m.unit, partition, better, m.meaning, m.short, f"{partition}_{name}")
        yield Quantity(column, lambda run, name=name: (measured(run, partition) or {}).get(name))  # type: ignore[misc]


def _text(title: str, meaning: str, of: Callable[[RunSnapshot], str]) -> Quantity:
    return Quantity(Column(title, meaning=meaning, key=title), of)


def _number(
    title: str, unit: Unit, meaning: str, of: Callable[[RunSnapshot], float | None], short: str = ""
) -> Quantity:
    return Quantity(Column(title, unit, "", None, meaning, short, title.replace(" ", "_")), of)


def _optimizer(run: RunSnapshot) -> str:
    """ "sgd 0.05"; the optimizer's own rate if none was given, and none where a user's file is not at hand."""
    options = run.spec.optimizer.effective
    rate = options.get("learning_rate")
    return f"{options['optimizer']} {rate:g}" if rate is not None else str(options["optimizer"])


def _parameters(run: RunSnapshot) -> float:
    return run.graph.parameter_count


def _parameters_per_sample(run: RunSnapshot) -> float | None:
    return run.graph.parameter_count / run.dataset.train if run.dataset.train else None


def _early_stop(run: RunSnapshot) -> float | None:
    return next((record.epoch for record in run.epochs if record.early_stop), None)


def _seconds(run: RunSnapshot) -> float | None:
    return run.result.seconds if run.result else sum(record.seconds for record in run.epochs) or None


def _accuracy(run: RunSnapshot, partition: Partition) -> float | None:
    metrics = measured(run, partition)
    return metrics.get("accuracy") if metrics else None


def _rest(whole: float | None, part: float | None) -> float | None:
    return None if whole is None or part is None else whole - part
