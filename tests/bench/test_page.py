"""The command line, the tables and the page."""

from pathlib import Path

import pytest

from backproof.bench import Experiment, Measurement, Result
from backproof.bench.data import COLD, WARM, data_experiment
from backproof.bench.startup import BARE, startup_experiment
from backproof.bench.suite import suite
from backproof.bench.tables import tables
from backproof.cli import main
from backproof.data import AugmentationOptions, DataOptions, PreprocessingOptions
from backproof.errors import UserError
from backproof.view.bench_page import bench_page


def training() -> Experiment:
    return Experiment(
        name="t",
        kind="train",
        title="Training <mlp>",
        note="A note.",
        against="pytorch",
        measurements=tuple(
            Measurement(
                contender=contender,
                subject="mlp",
                part="step",
                settings={"threads": 1, "batch size": size},
                seconds=(factor * size, 1.2 * factor * size),
                warm_up=5.0,
                peak_memory_mb=100.0 + size,
                samples=size,
            )
            for size in (8, 16, 32)
            for contender, factor in (("numpy", 0.001), ("pytorch", 0.002))
        ),
        load=(0.1, 0.2),
        agreement=1e-13,
    )


def operation() -> Experiment:
    return Experiment(
        name="o",
        kind="op",
        title="Conv2d",
        note="A note.",
        against="pytorch",
        measurements=tuple(
            Measurement(
                contender=contender,
                subject=f"Conv2d(8, 3) on 1x{n}x8x8",
                part=part,
                settings={"threads": 1},
                seconds=(0.001 * n,),
                flops=10**7,
            )
            for n in (1, 2)
            for contender in ("numpy", "pytorch", "pytorch-tuned")
            for part in ("forward", "backward", "all")
        ),
        peak_gflops={1: 100.0},
    )


def test_tables_say_ratio_and_growth() -> None:
    times, growth = tables(training())
    shown = [[cell.text(column.unit) for cell, column in zip(row, times.columns, strict=True)] for row in times.rows]
    assert shown[0] == ["numpy", "1", "8", "8.80 ms", "8.40 ms – 9.20 ms", "0.50", "909", "5.00 s", "108 MB", "1.00"]
    assert [[cell.value for cell in row[:5]] for row in growth.rows] == [
        [name, "batch size", "threads 1", "1.00", "1.000"] for name in ("numpy", "pytorch")
    ]


def test_tables_of_operations_say_speed_and_sums() -> None:
    *shapes, sums = tables(operation())
    assert [table.title for table in shapes] == ["Conv2d(8, 3) on 1x1x8x8", "Conv2d(8, 3) on 1x2x8x8"]
    speed, share = ([column.title for column in shapes[0].columns].index(title) for title in ("GFLOP/s", "of peak"))
    assert [shapes[0].rows[0][i].value for i in (speed, share)] == [pytest.approx(10.0), pytest.approx(0.1)]
    assert [row[0].value for row in sums.rows][-1] == "pytorch, better layout"


def test_the_page_has_figures_tables_and_nothing_from_elsewhere() -> None:
    page = bench_page(Result(environment={"cpu": "a <processor>"}, experiments=[training(), operation()], seconds=3.0))
    assert "Training &lt;mlp&gt;" in page
    assert "a &lt;processor&gt;" in page
    for identity in ("e0-time", "e0-memory", "e0-scaling-0", "e0-scaling-1", "e1-ratio", "e1-share"):
        assert f'id="data-{identity}"' in page
    assert "numpy, b = 1.00" in page
    assert '<script src="' not in page
    assert "<link" not in page


def test_data_are_timed_cold_and_warm(tmp_path: Path) -> None:
    found = data_experiment(
        DataOptions(dataset="digits", data_dir=str(tmp_path)),
        PreprocessingOptions(resize=(4, 4)),
        AugmentationOptions(noise=0.1),
        batch_size=32,
        rounds=1,
    )
    assert [m.contender for m in found.measurements] == [COLD, WARM, "batches", "batches, augmented"]
    assert {m.samples for m in found.measurements[:2]} == {1797}
    assert all(m.median > 0 for m in found.measurements)


def test_data_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    nowhere = DataOptions(dataset="digitz", data_dir=str(tmp_path))
    with pytest.raises(UserError, match="did you mean digits"):
        data_experiment(nowhere, PreprocessingOptions(), AugmentationOptions(), batch_size=8, rounds=1)


def test_starts_are_timed_in_turn() -> None:
    seen: list[str] = []
    found = startup_experiment(("numpy",), rounds=1, watch=lambda who, number, seconds: seen.append(who))
    names = [BARE, "import numpy", "import backproof", "backproof --help", "first step, numpy"]
    assert seen == 2 * names
    assert [m.contender for m in found.measurements] == names


def test_the_command_line_writes_table_file_and_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, page = tmp_path / "b.json", tmp_path / "b.html"
    common = "--model mlp --model-option layers=8, --input-shape 1,4,4 --classes 3 --contenders numpy,scikit-learn"
    sizes = "--against scikit-learn --batch-sizes 8,16 --threads 1 --rounds 1 --samples 64"
    assert main(["bench", "train", *common.split(), *sizes.split(), "--output", str(file), "--page", str(page)]) == 0
    assert "contenders agree to" in capsys.readouterr().out
    assert len(Result.read(file).experiments[0].measurements) == 4
    assert page.read_text().startswith("<!doctype html>")
    assert main(["bench", "page", str(file), "--output", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train --contenders numpy,pytroch --against numpy", "did you mean"),
        ("train --optimizer adamm", "optimizer of a benchmark"),
        ("op Conv2d --attribute kernel_size", "--attribute goes with --shape"),
        ("op Conv2d --shape 8,x", "--shape is '8,x'"),
        ("op Conv2d --shape 8,4,3,5 --attribute out_channels", "--attribute is 'out_channels'"),
        ("--suite classic", "did you mean classics"),
        ("page nowhere.json", "nowhere.json cannot be read"),
    ],
)
def test_mistakes_are_one_sentence(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_classics_are_the_known_workloads() -> None:
    assert len(suite("classics")) == 10
