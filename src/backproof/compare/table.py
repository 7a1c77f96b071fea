"""One row of figures a run. Numbers stay numbers; views decide how to print them.

Terms, as in Ng, "Machine Learning Yearning" (2018), chapters 20 to 22, with the Bayes error taken as 0:

    avoidable bias = train error - Bayes error = 1 - train accuracy
    variance       = dev error - train error   = train accuracy - dev accuracy
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

from backproof.compare.columns import COLUMNS, Column
from backproof.compare.repeats import Repeats, group_repeats
from backproof.compare.row import Row
from backproof.optim import require_optimizer
from backproof.runs.optimizer import OptimizerOptions
from backproof.runs.store import Run


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        rows: one a run, in the order given.
        columns: those that at least one row has; texts that are the same in every row are in `common` instead.
        common: what all runs share, by the column's title, such as {"model": "mlp"}.
        repeats: groups of finished runs that differ in nothing but their model seed.
    """

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    common: Mapping[str, str] = field(default_factory=dict)
    repeats: tuple[Repeats, ...] = ()

    def best(self, column: Column) -> float | None:
        """The best value of a column, or None where there is no better, fewer than two values, or all are equal.

        Only finished runs can be the best: one that is still going has the shortest time. NaN is never the best.
        """
        ended = [row for row in self.rows if row.status == "finished"]
        values = [float(v) for row in ended if (v := row.value(column)) is not None and not isinstance(v, str)]
        numbers = [value for value in values if not isnan(value)]
        if column.better is None or not numbers or all(value == values[0] for value in values):
            return None
        return max(numbers) if column.better == "higher" else min(numbers)


def comparison(runs: Sequence[Run]) -> Comparison:
    """The figures of all `runs`, finished or not."""
    rows = tuple(figures_of(run) for run in runs)
    columns, common = [], {}
    for column in COLUMNS:
        values = {row.value(column) for row in rows}
        if column.unit == "text" and len(values) == 1:
            common[column.title] = str(values.pop())
        elif values != {None}:
            columns.append(column)
    finished = [place for place, row in enumerate(rows) if row.status == "finished"]
    groups = group_repeats([runs[place] for place in finished])
    repeats = tuple(Repeats.of([rows[finished[i]] for i in members], COLUMNS) for members in groups)
    return Comparison(rows, tuple(columns), common, repeats)


def figures_of(run: Run) -> Row:
    """The row of one run: from its result, or from its epochs as long as it has none."""
    epochs, result = run.epochs(), run.result()
    parameters, samples = run.graph.parameter_count, run.dataset.train
    last = epochs[-1] if epochs else None
    ended = result if result is not None and result.train is not None else None
    train = ended.train if ended else last.train if last else None
    dev = ended.dev if ended else last.dev if last else None
    test = ended.test if ended else None
    marked = [epoch.epoch for epoch in epochs if epoch.early_stop]
    return Row(
        name=run.name,
        status=run.status,
        epochs=last.epoch if last else 0,
        planned_epochs=run.spec.training.epochs,
        model=run.spec.model.model,
        engine=run.spec.engine.engine,
        optimizer=optimizer_label(run.spec.optimizer),
        parameters=parameters,
        train_samples=samples,
        parameters_per_sample=parameters / samples if samples else None,
        train_cost=train.cost if train else None,
        train_accuracy=train.get("accuracy") if train else None,
        dev_cost=dev.cost if dev else None,
        dev_accuracy=dev.get("accuracy") if dev else None,
        early_stop_epoch=marked[0] if marked else None,
        avoidable_bias=1 - train.accuracy if train and "accuracy" in train else None,
        variance=train.accuracy - dev.accuracy if train and dev and "accuracy" in train else None,
        test_accuracy=test.get("accuracy") if test else None,
        test_macro_f1=test.get("macro_f1") if test else None,
        seconds=result.seconds if result else sum(epoch.seconds for epoch in epochs) or None,
        peak_memory_mb=result.peak_memory_mb if result else None,
    )


def optimizer_label(options: OptimizerOptions) -> str:
    """Optimizer and learning rate in a few letters: "sgd 0.05"; the optimizer's own rate if none was given."""
    rate = options.learning_rate if options.learning_rate is not None else require_optimizer(options.optimizer)().lr
    return f"{options.optimizer} {rate:g}"
