"""The comparison table in terminals of many widths."""

import io

import pytest
from rich.console import Console

from backproof.compare import comparison, weight_distance
from backproof.tables.numbers import duration, written
from backproof.view import print_comparison, print_weight_distance


def printed(table, width: int = 120, *, terminal: bool = False) -> str:
    out = io.StringIO()
    colors = "standard" if terminal else "auto"
    print_comparison(table, Console(file=out, width=width, force_terminal=terminal, color_system=colors))
    return out.getvalue()


@pytest.fixture
def table(make_run):
    going = make_run("going", planned=9, epochs=3, finished=False)
    return comparison([make_run("mlp-numpy"), make_run("mlp-torch", "torch", speed=0.8, noise=3), going])


def test_all_figures_stand_in_one_table_of_120_columns(table):
    lines = printed(table).splitlines()
    assert max(map(len, lines)) <= 120
    heads = [line for line in lines if line.startswith("run")]
    assert len(heads) == 1
    (row,) = [line for line in lines if line.startswith("mlp-numpy")]
    first = table.rows[0]
    for text in ("2,410", f"{first['train_cost']:.4f}", f"{100 * first['dev_accuracy']:.2f}", "104"):
        assert text in row.split()


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_narrow_terminals_get_several_tables_with_every_figure(table, width):
    text = printed(table, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    wide = set(printed(table).split())
    assert wide <= set(text.split())


def test_unfinished_run_says_how_far_it_is(table):
    text = printed(table)
    assert "going *" in text
    assert "* going: killed, epoch 3 of 9" in text


def test_best_stands_out_in_a_terminal_only(table):
    assert "\x1b[" not in printed(table)
    assert "\x1b[1;32m" in printed(table, terminal=True)


def test_equal_figures_are_not_best(make_run):
    assert "\x1b[1;32m" not in printed(comparison([make_run("a"), make_run("b", "torch")]), terminal=True)


def test_repeats_have_mean_and_deviation(make_run):
    runs = [make_run(f"r{seed}", seed=seed, noise=seed) for seed in range(3)]
    text = printed(comparison(runs))
    mean = sum(run.result().dev.accuracy for run in runs) / 3
    (line,) = [line for line in text.splitlines() if line.startswith("mean of 3 seeds")]
    assert f"{100 * mean:.2f}" in line.split()
    assert "±" in text


def test_markup_in_names_is_text(make_run):
    assert "[bold]x" in printed(comparison([make_run("[bold]x"), make_run("[red]y", finished=False)]))


def test_weight_distance_is_one_line(make_run):
    out = io.StringIO()
    distance = weight_distance(make_run("a"), make_run("b", "torch"))
    print_weight_distance(distance, Console(file=out, width=60))
    assert out.getvalue().count("\n") == 1
    assert f"largest difference {distance.overall.maximum:.1e}" in out.getvalue()


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.97832, "fraction", "97.83 %"),
        (109386, "count", "109,386"),
        (0.12345, "cost", "0.1235"),
        (0.0, "cost", "0.0000"),
        (3e-7, "cost", "3.00e-07"),
        (None, "cost", "–"),
        (float("nan"), "cost", "nan"),
        (1.917, "ratio", "1.92"),
        ("mlp", "text", "mlp"),
    ],
)
def test_written(value, unit, text):
    assert written(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0042, "4.20 ms"),
        (0.042, "42.0 ms"),
        (0.42, "0.42 s"),
        (12.34, "12.3 s"),
        (59.97, "1 min 0 s"),
        (75.2, "1 min 15 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
