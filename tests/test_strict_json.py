"""Records of runs that diverged are still JSON, and read back as they were."""

import json
from dataclasses import asdict, dataclass
from math import inf, isnan, nan
from pathlib import Path

import pytest

import backproof as bp
from backproof.metrics import Metrics
from backproof.strict_json import dumps, loads


@dataclass
class Record:
    metrics: Metrics


def refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


@pytest.mark.parametrize("cost", [nan, inf, -inf, 0.1, 1e-300])
def test_a_number_that_json_lacks_reads_back(cost: float) -> None:
    record = Record(Metrics(cost=cost, accuracy=0.5))
    text = dumps(asdict(record))
    json.loads(text, parse_constant=refuse)
    found = loads(text, Record).metrics
    assert found.accuracy == 0.5
    assert found.cost == cost or (isnan(cost) and isnan(found.cost))


def test_a_run_that_diverged_keeps_its_figures(tmp_path: Path) -> None:
    run = bp.train(dataset="digits", model="mlp", optimizer="sgd", learning_rate=1e30, epochs=2, runs_dir=str(tmp_path))
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        json.loads(line, parse_constant=refuse)
    assert isnan(run.epochs()[1].train.cost)
