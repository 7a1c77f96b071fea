"""Comparisons against ones worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from pathlib import Path
from types import SimpleNamespace

import pytest

from backproof.compare import comparison, differing, same_but_engine, settings
from backproof.metrics import METRICS, Metrics
from backproof.runs.spec import EngineOptions, ModelOptions, OptimizerOptions, OutputOptions, RunSpec
from backproof.runs.store import Run, RunResult, RunSnapshot
from backproof.train.progress import EpochRecord

DATA = SimpleNamespace(train=1000, fingerprint="f00d", targets="digits")
NETWORK = SimpleNamespace(parameter_count=2500, hash="beef")


def snapshot(
    name: str,
    spec: RunSpec | None = None,
    records: Sequence[EpochRecord] = (),
    outcome: RunResult | None = None,
    dataset: SimpleNamespace = DATA,
    graph: SimpleNamespace = NETWORK,
) -> RunSnapshot:
    """What a comparison reads of a run."""
    return RunSnapshot(
        run=Run(Path(name)),
        status=outcome.status if outcome else "running",
        spec=spec or RunSpec(),
        environment={},
        dataset=dataset,
        graph=graph,
        epochs=tuple(records),
        steps=(),
        kept=(),
        result=outcome,
        node_times=None,
    )


def record(epoch: int, train: float = 0.5, dev: float | None = 0.4, *, mark: bool = False) -> EpochRecord:
    on_train = Metrics(cost=0.6, loss=0.5, accuracy=train)
    on_dev = None if dev is None else Metrics(cost=0.8, loss=0.7, accuracy=dev)
    return EpochRecord(epoch, 10 * epoch, on_train, on_dev, 0.1, 2.0, 500.0, mark)


def result(train: float = 0.95, dev: float = 0.9, seconds: float = 3.0, cost: float = 0.2) -> RunResult:
    return RunResult(
        status="finished",
        parameters=2500,
        train_samples=1000,
        parameters_per_sample=2.5,
        epochs=2,
        seconds=seconds,
        train=Metrics(cost=cost, accuracy=train),
        dev=Metrics(cost=0.3, accuracy=dev),
        test=Metrics(cost=0.35, accuracy=0.88, macro_f1=0.87),
        peak_memory_mb=120.5,
    )


def seeded(seed: int) -> RunSpec:
    return RunSpec(model=ModelOptions(model_seed=seed), output=OutputOptions(name=f"seed-{seed}"))


def test_finished_run_has_the_figures_of_its_final_weights():
    row = comparison([snapshot("a", records=[record(1), record(2, mark=True)], outcome=result())]).rows[0]
    assert (row["parameters"], row["parameters_per_sample"]) == (2500, 2.5)
    assert (row["train_cost"], row["train_accuracy"], row["dev_cost"], row["dev_accuracy"]) == (0.2, 0.95, 0.3, 0.9)
    assert row["avoidable_bias"] == pytest.approx(0.05)
    assert row["variance"] == pytest.approx(0.05)
    assert (row["test_accuracy"], row["test_macro_f1"]) == (0.88, 0.87)
    assert (row["seconds"], row["peak_memory_mb"], row["early_stop"]) == (3.0, 120.5, 2)


def test_unfinished_run_has_the_figures_of_its_last_epoch():
    row = comparison([snapshot("a", records=[record(1), record(2, train=0.7, dev=0.6)])]).rows[0]
    assert (row["train_cost"], row["train_accuracy"], row["dev_cost"], row["dev_accuracy"]) == (0.6, 0.7, 0.8, 0.6)
    assert row["variance"] == pytest.approx(0.1)
    assert row["seconds"] == 4.0
    assert "test_accuracy" not in row
    assert row["peak_memory_mb"] is None


def test_run_without_an_epoch_has_no_figures():
    table = comparison([snapshot("a")])
    assert "train_cost" not in table.rows[0]
    assert table.rows[0]["seconds"] is None
    assert [column.key for column in table.columns] == ["parameters", "parameters_per_sample"]


def test_without_dev_there_is_no_variance():
    row = comparison([snapshot("a", records=[record(1, dev=None)])]).rows[0]
    assert row["avoidable_bias"] == pytest.approx(0.5)
    assert row["variance"] is None


def test_what_all_runs_share_is_no_column():
    torch = RunSpec(engine=EngineOptions(engine="torch"))
    table = comparison([snapshot("a", outcome=result()), snapshot("b", spec=torch, outcome=result())])
    assert table.common == {"model": "mlp", "optimizer": "sgd 0.01"}
    assert [column.key for column in table.columns][:2] == ["engine", "parameters"]


def test_optimizer_shows_the_rate_that_was_used():
    adam = RunSpec(optimizer=OptimizerOptions(optimizer="adam"))
    own = RunSpec(optimizer=OptimizerOptions(optimizer="adam", learning_rate=0.25))
    assert [row["optimizer"] for row in comparison([snapshot("a", adam), snapshot("b", own)]).rows] == [
        "adam 0.001",
        "adam 0.25",
    ]


def test_best_goes_the_right_way_and_leaves_out_unfinished_runs():
    runs = [
        snapshot("a", outcome=result(dev=0.9, seconds=3, cost=0.2)),
        snapshot("b", outcome=result(dev=0.8, seconds=5, cost=0.1)),
        snapshot("going", records=[replace(record(1, dev=0.99), seconds=0.1)]),
    ]
    table = comparison(runs)
    assert table.best("dev_accuracy") == {0}
    assert table.best("train_cost") == {1}
    assert table.best("seconds") == {0}
    assert table.best("test_accuracy") == set()  # equal
    assert table.best("parameters") == set()  # no better


def test_costs_of_other_losses_or_targets_are_not_compared():
    cheap, dear = result(cost=0.1), result(cost=0.2)
    assert comparison([snapshot("a", outcome=cheap), snapshot("b", outcome=dear)]).best("train_cost") == {0}
    other_loss = RunSpec(model=ModelOptions(loss="mse"))
    assert (
        comparison([snapshot("a", other_loss, outcome=cheap), snapshot("b", outcome=dear)]).best("train_cost") == set()
    )
    masks = SimpleNamespace(train=1000, fingerprint="f00d", targets="masks")
    assert (
        comparison([snapshot("a", outcome=cheap, dataset=masks), snapshot("b", outcome=dear)]).best("train_cost")
        == set()
    )


def test_nan_is_never_the_best():
    for costs in ((nan, 0.2, 0.1), (0.1, nan, 0.2)):
        table = comparison([snapshot(f"r{cost}", outcome=result(cost=cost)) for cost in costs])
        assert table.best("train_cost") == {costs.index(0.1)}
    one = comparison([snapshot("a", outcome=result(cost=nan)), snapshot("b", outcome=result(cost=0.1))])
    assert one.best("train_cost") == {1}
    none = comparison([snapshot(name, outcome=result(cost=nan)) for name in "ab"])
    assert none.best("train_cost") == set()


def test_repeats_give_mean_and_standard_deviation():
    accuracies = [0.90, 0.92, 0.97]
    runs = [snapshot(f"r{i}", seeded(i), outcome=result(dev=a)) for i, a in enumerate(accuracies)]
    other = snapshot("other", RunSpec(engine=EngineOptions(engine="torch")), outcome=result())
    (repeats,) = comparison([*runs, other]).repeats
    assert repeats.names == ("r0", "r1", "r2")
    spread = repeats.spread["dev_accuracy"]
    assert spread.mean == pytest.approx(0.93)
    assert spread.deviation == pytest.approx((0.0026 / 2) ** 0.5)  # ((-.03)² + (-.01)² + .04²) / 2
    assert spread.count == 3


def test_unfinished_runs_and_equal_seeds_are_no_repeats():
    assert not comparison([snapshot("a", seeded(0), outcome=result()), snapshot("b", seeded(1))]).repeats
    assert not comparison([snapshot(n, seeded(0), outcome=result()) for n in "ab"]).repeats
    other = SimpleNamespace(train=1000, fingerprint="other files", targets="digits")
    runs = [snapshot("a", seeded(0), outcome=result()), snapshot("b", seeded(1), outcome=result(), dataset=other)]
    assert not comparison(runs).repeats


def test_differences_name_table_key_and_values():
    a = RunSpec(output=OutputOptions(name="a"))
    b = RunSpec(model=ModelOptions(layers=(64, 32)), output=OutputOptions(name="b"))
    (only,) = differing([a, b])
    assert (only.table, only.key, only.values) == ("model", "layers", (None, (64, 32)))
    assert {(o.table, o.key) for o in settings([a, b]) if o.differs} == {("model", "layers"), ("output", "name")}


def test_same_but_engine():
    torch = RunSpec(engine=EngineOptions(engine="torch"), output=OutputOptions(name="b"))
    a, b = snapshot("a"), snapshot("b", torch)
    assert same_but_engine(a, b)
    assert not same_but_engine(a, a)
    assert not same_but_engine(a, snapshot("b", replace(torch, model=ModelOptions(model_seed=1))))
    assert not same_but_engine(
        a, replace(b, dataset=SimpleNamespace(train=1000, fingerprint="other files", targets="digits"))
    )
    assert not same_but_engine(a, replace(b, graph=SimpleNamespace(parameter_count=2500, hash="another file")))


def test_any_metric_has_its_columns():
    """A metric's own title, unit and direction make the columns: of train and dev if it streams, of test always."""
    epoch = record(1)
    on_mask = Metrics(cost=0.5, loss=0.5, iou=0.25, dice=0.5)
    runs = [
        snapshot("a", outcome=replace(result(), train=on_mask, dev=on_mask, test=on_mask)),
        snapshot("b", records=[replace(epoch, train=Metrics(cost=0.6, loss=0.6, iou=0.5), dev=None)]),
    ]
    table = comparison(runs)
    columns = {column.key: column for column in table.columns}
    assert ("train_iou" in columns) == METRICS["iou"].streams
    assert (columns["test_iou"].title, columns["test_iou"].unit, columns["test_iou"].better) == (
        "IoU",
        "fraction",
        "higher",
    )
    assert columns["test_iou"].meaning == METRICS["iou"].meaning
    assert table.rows[0]["test_dice"] == 0.5
    assert not {"avoidable_bias", "variance", "train_loss", "test_cost"} & columns.keys()


def test_table_marks_the_best_and_gives_repeats_a_line():
    runs = [snapshot(f"r{i}", seeded(i), outcome=result(dev=a)) for i, a in enumerate((0.9, 0.94))]
    table = comparison(runs).table()
    place = [column.key for column in table.columns].index("dev_accuracy")
    assert [(row[place].value, row[place].mark) for row in table.rows[:2]] == [(0.9, ""), (0.94, "best")]
    mean = table.rows[2]
    assert (mean[0].value, mean[0].hint) == ("mean of 2 seeds", "r0, r1")
    assert (mean[place].text("fraction"), mean[place].note) == ("92.00 %", "± 2.83")


def test_a_metric_of_a_file_that_was_not_executed_is_a_plain_number():
    here = Metrics(cost=0.5, loss=0.5, of_a_users_file=2.5)
    (a, b) = (snapshot(name, records=[replace(record(1), train=here, dev=here)]) for name in "ab")
    table = comparison([a, b])
    column = next(column for column in table.columns if column.key == "dev_of_a_users_file")
    assert (column.title, column.unit, column.better) == ("of_a_users_file", "number", None)
    assert table.best(column.key) == set()
    assert table.rows[0][column.key] == 2.5
