"""The commands on the page about tasks run as they stand, and so does the metric of the how-to."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from backproof.cli import main
from backproof.metrics import METRICS
from backproof.runs.store import open_run

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "tasks.md").read_text()
    ((name, code),) = re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    Path(name).write_text(code)
    commands = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
    assert len(commands) == 6
    assert open_run("runs/angles").result().test.r2 > 0.8
    assert open_run("runs/diabetes").result().test.r2 > 0.2
    assert {"confusion", "samples_predicted"} <= open_run("runs/shapes").final().keys()
    page = Path("report.html").read_text()
    assert "Predicted against true" in page
    assert "Confusion matrix of the pixels" in page


def test_a_new_metric_is_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import backproof as bp

    code = re.findall(r"```python\n(.*?)```", (DOCS / "how-to" / "add-a-metric.md").read_text(), re.DOTALL)
    try:
        exec(compile("\n".join(code), "add-a-metric.md", "exec"), {"__name__": "backproof.metrics.added"})
        run = bp.train(
            dataset="digits", layers=[8], learning_rate=0.1, epochs=2, select="0-199", follow="balanced_accuracy",
            keep_best=True, runs_dir=str(tmp_path), cache_dir="off",
        )  # fmt: skip
    finally:
        METRICS.forget("backproof.metrics.added")
    matrix = run.final()["confusion"]
    true, predicted = (np.repeat(axis.ravel(), matrix.ravel()) for axis in np.indices(matrix.shape))
    assert run.result().test.balanced_accuracy == pytest.approx(balanced_accuracy_score(true, predicted))
    assert run.result().best_epoch in (1, 2)
