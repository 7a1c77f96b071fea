"""Records of steps: bounded, whole, cut back on resume, and without influence on the run."""

import json
from itertools import pairwise

import numpy as np
import pytest

from backproof.metrics import Metrics
from backproof.runs import steps
from backproof.runs.launch import resume, run
from backproof.runs.store import Run, StepRecord
from backproof.train.events import Observer, StepDone


class StopAfter(Observer):
    def __init__(self, step: int) -> None:
        self.step = step

    def step_done(self, event: StepDone) -> None:
        if event.progress.step == self.step:
            raise KeyboardInterrupt


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps.StepRecorder.__init__, "__defaults__", (0.0, 2000))


def test_each_record_is_a_mean_over_its_steps(make_spec, every_step) -> None:
    done = run(make_spec(epochs=2, schedule="exponential"))
    found, epochs = done.steps(), done.epochs()
    assert [record.step for record in found] == list(range(1, epochs[-1].step + 1))
    assert [found[epoch.step - 1].learning_rate for epoch in epochs] == [epoch.learning_rate for epoch in epochs]
    assert [found[epoch.step - 1].epoch for epoch in epochs] == [1, 2]
    assert found[0].train.keys() == epochs[0].train.keys()
    first = np.mean([record.train.cost for record in found if record.epoch == 1])
    assert first == pytest.approx(epochs[0].train.cost, rel=0.02)  # the last minibatch is a smaller one
    assert all(a.seconds < b.seconds for a, b in pairwise(found))


def test_few_records_a_second(make_spec) -> None:
    done = run(make_spec(epochs=3))
    assert 1 <= len(done.steps()) <= 2 + sum(epoch.seconds for epoch in done.epochs()) / steps.SECONDS


def test_bounded(make_spec, monkeypatch) -> None:
    monkeypatch.setattr(steps.StepRecorder.__init__, "__defaults__", (1e-9, 8))
    done = run(make_spec(epochs=2))
    found = [record.step for record in done.steps()]
    assert 4 <= len(found) <= 8
    assert found == sorted(set(found))
    assert found[-1] == done.epochs()[-1].step


def test_cut_back_on_resume(make_spec, every_step) -> None:
    spec = make_spec(epochs=3)
    whole = run(spec)
    with pytest.raises(KeyboardInterrupt):
        run(spec, [StopAfter(whole.epochs()[0].step + 2)])
    stopped = Run(whole.path.with_name(whole.name + "-2"))
    assert len(stopped.steps()) == whole.epochs()[0].step + 2
    with (stopped.path / "steps.jsonl").open("a") as file:
        file.write('{"step": 9')  # killed while it wrote
    resume(stopped.path)
    assert [record.step for record in stopped.steps()] == [record.step for record in whole.steps()]
    assert [record.train.cost for record in stopped.steps()] == [record.train.cost for record in whole.steps()]
    for name, weight in whole.weights().items():
        assert np.array_equal(weight, stopped.weights()[name])


def test_a_line_is_plain_json(make_spec) -> None:
    done = run(make_spec(epochs=1))
    line = json.loads((done.path / "steps.jsonl").read_text().splitlines()[0])
    (first,) = done.steps()[:1]
    assert StepRecord(**line | {"train": Metrics(line["train"])}) == first
    assert first.train["accuracy"] in {n / 9 for n in range(10)}
