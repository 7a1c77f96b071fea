"""Medians, ratios, fits and files."""

from pathlib import Path

import pytest

from backproof.bench import Experiment, Measurement, Result, curves, fit
from backproof.bench.operations import BETTER, totals
from backproof.errors import UserError


def measurement(
    contender: str, *seconds: float, part: str = "epoch", subject: str = "mlp", **changes: int
) -> Measurement:
    settings = {"threads": 1, "batch size": 16} | {key.replace("_", " "): value for key, value in changes.items()}
    return Measurement(
        contender=contender,
        subject=subject,
        part=part,
        settings=settings,
        seconds=seconds,
        warm_up=9.0,
        peak_memory_mb=100.0 * settings["batch size"],
        samples=100,
        flops=1000,
        count=3,
    )


def experiment(*measurements: Measurement, kind: str = "train") -> Experiment:
    return Experiment(
        name="e",
        kind=kind,
        title="Some training",
        note="A note.",
        against="pytorch",
        measurements=measurements,
        peak_gflops={1: 100.0},
        load=(0.5, 0.7),
        agreement=1e-12,
    )


def test_ratios_are_to_the_rival_at_the_same_settings() -> None:
    mine, baseline = measurement("numpy", 1.0, 3.0, 2.0), measurement("pytorch", 4.0, 4.0, 4.0)
    found = experiment(mine, baseline, measurement("pytorch", 1.0, batch_size=64))
    assert found.ratio(mine) == 0.5
    assert found.ratio(baseline) == 1.0
    assert found.ratio(measurement("numpy", 1.0, batch_size=32)) is None
    assert mine.quartiles == (1.5, 2.5)


def test_the_growth_of_a_power_is_its_exponent() -> None:
    growth = fit([1, 2, 4, 8], [3 * n**1.5 for n in (1, 2, 4, 8)])
    assert growth.a == pytest.approx(3)
    assert growth.b == pytest.approx(1.5)
    assert growth.r2 == pytest.approx(1)
    assert growth.at(16) == pytest.approx(3 * 64)


def test_a_bad_fit_says_so_and_two_points_say_nothing() -> None:
    bad = fit([1, 2, 4, 8], [1, 5, 1, 5])
    assert bad.r2 is not None
    assert bad.r2 < 0.5
    assert fit([1, 2], [1, 5]).r2 is None


def test_curves_follow_one_size_at_a_time() -> None:
    found = curves(
        [
            measurement(who, float(size * threads), batch_size=size, threads=threads)
            for threads in (1, 2)
            for size in (8, 16, 32)
            for who in ("pytorch", "numpy")
        ]
    )
    assert [(c.contender, c.fixed) for c in found] == [
        ("pytorch", {"threads": 1}),
        ("numpy", {"threads": 1}),
        ("pytorch", {"threads": 2}),
        ("numpy", {"threads": 2}),
    ]
    assert all(c.axis == "batch size" and c.sizes == (8, 16, 32) for c in found)
    assert all(c.growth.b == pytest.approx(1) for c in found)
    memory = curves([measurement("numpy", 1.0, batch_size=size) for size in (8, 16)], "memory")
    assert memory[0].values == (800.0, 1600.0)


def test_sums_take_the_better_layout_shape_by_shape() -> None:
    times = {"numpy": (1.0, 4.0), "pytorch": (1.0, 6.0), "pytorch-tuned": (3.0, 2.0)}
    found = experiment(
        *[
            measurement(who, seconds, part="all", subject=f"shape {i}")
            for who, own in times.items()
            for i, seconds in enumerate(own)
        ],
        kind="op",
    )
    by_name = {t.contender: t for t in totals(found)}
    assert by_name[BETTER].once == 3.0
    assert by_name["numpy"].once == 5.0
    assert by_name["numpy"].once_ratio == pytest.approx(5 / 3)
    assert by_name["numpy"].network == 15.0


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    found = experiment(measurement("numpy", 1.0, 3.0, 2.0), measurement("pytorch", 4.0))
    result = Result(environment={"cpu": "x"}, experiments=[found], seconds=5.0)
    path = tmp_path / "deep" / "bench.json"
    result.write(path)
    assert '"ratio": 0.5' in path.read_text()
    assert Result.read(path) == result


def test_files_that_are_no_result_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    with pytest.raises(UserError, match=r"other\.json cannot be read"):
        Result.read(path)
    path.write_text('{"a": 1}')
    with pytest.raises(UserError, match="not a file that `backproof bench` wrote"):
        Result.read(path)
