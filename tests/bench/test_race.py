"""Races are fair: same weights, refused on disagreement, each contender in its own process."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from backproof.bench import Job, race
from backproof.bench.race import Measurement, Process, require_agreement
from backproof.bench.report import rows, write_json
from backproof.errors import UserError

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")


def job(contender: str, **changes: object) -> Job:
    values: dict[str, object] = {
        "contender": contender,
        "model": "mlp",
        "options": {"layers": [8]},
        "input_shape": (1, 4, 4),
        "classes": 3,
        "samples": 64,
        "batch_size": 16,
        "threads": 1,
    }
    return Job(**(values | changes))  # type: ignore[arg-type]


def test_job_survives_json() -> None:
    assert Job.from_json(job("numpy").to_json()) == job("numpy")


def test_unknown_contender_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean pytorch"):
        job("pytorh")


def test_a_race_times_every_contender_every_round() -> None:
    told: list[tuple[str, int]] = []

    def watch(job: Job, number: int, seconds: float) -> None:
        told.append((job.contender, number))

    measurements = race([job("numpy"), job("scikit-learn")], 2, watch)
    assert told == [(name, number) for number in range(3) for name in ("numpy", "scikit-learn")]
    for measurement in measurements:
        assert len(measurement.seconds) == 2
        assert min(measurement.seconds) > 0
        assert measurement.peak_memory_mb > 10


@needs_torch
def test_engines_and_plain_pytorch_start_from_the_same_weights() -> None:
    processes = [Process(job(name)) for name in ("numpy", "torch", "pytorch")]
    try:
        require_agreement(processes)
        first = [process.losses for process in processes]
        assert all(losses is not None and len(losses) == 3 for losses in first)
    finally:
        for process in processes:
            process.close()


def test_contenders_that_disagree_are_refused() -> None:
    processes = [Process(job("numpy")), Process(job("numpy", learning_rate=0.02))]
    try:
        with pytest.raises(UserError, match="disagree"):
            require_agreement(processes)
    finally:
        for process in processes:
            process.close()


def test_a_job_that_a_contender_cannot_do_is_one_sentence() -> None:
    with pytest.raises(UserError, match="scikit-learn takes Linear and ReLU"):
        race([job("scikit-learn", options={"layers": [8], "batch_norm": True})], 1)


def test_ratios_are_to_the_rival_of_the_same_race(tmp_path: Path) -> None:
    measurements = [
        Measurement(job=job("numpy"), seconds=(1.0, 3.0, 2.0), warm_up=9.0, peak_memory_mb=50.0),
        Measurement(job=job("pytorch"), seconds=(4.0, 4.0, 4.0), warm_up=9.0, peak_memory_mb=200.0),
    ]
    numpy, pytorch = rows(measurements, "pytorch")
    assert numpy["ratio"] == 0.5
    assert numpy["memory_ratio"] == 0.25
    assert numpy["quartiles"] == [1.5, 2.5]
    assert pytorch["ratio"] == 1.0
    path = tmp_path / "bench.json"
    write_json(path, measurements, {"cpu": "x"})
    assert json.loads(path.read_text())["measurements"][0]["seconds"] == [1.0, 3.0, 2.0]
