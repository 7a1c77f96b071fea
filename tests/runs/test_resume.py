"""A run that was stopped anywhere and resumed ends with the bits of one that was not."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backproof.errors import UserError
from backproof.runs.launch import resume, run
from backproof.runs.spec import RunSpec
from backproof.runs.store import open_run
from backproof.train.events import Observer, StepDone

EVERYTHING = {
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 8,
    "dropout": 0.3,
    "batch_norm": True,
    "weight_decay": 1e-3,
    "schedule": "exponential",
    "schedule_every": 1.0,
    "warmup": 0.5,
    "clone": 2,
    "rotate": 10.0,
    "crop": 1,
    "noise": 0.1,
    "early_stopping": 1,
    "show_samples": 3,
    "track_layer": ("fc1,4",),
    "checkpoint_every": 1,
}
"""What a resumed run must get right: state of optimizer and BatchNorm, masks, augmentation, rates, marks."""


class StopAfter(Observer):
    """Ctrl-C just after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def step_done(self, event: StepDone) -> None:
        if event.progress.step == self.step:
            os.kill(os.getpid(), 2)


class Die(Observer):
    """No time to say goodbye: an error right after a step, of which the writer may have kept a checkpoint."""

    def __init__(self, step: int) -> None:
        self.step = step

    def step_done(self, event: StepDone) -> None:
        if event.progress.step == self.step:
            raise MemoryError


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_interrupted_after_any_step(make_spec, assert_same_end, engine: str) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    spec = make_spec(engine=engine, **EVERYTHING)
    whole = run(spec)
    steps = whole.epochs()[-1].step
    assert steps == 30
    for step in range(1, steps, 1 if engine == "numpy" else 11):
        part = run(spec, [StopAfter(step)])
        assert part.status == "interrupted"
        assert part.checkpoint().progress.step == step
        assert_same_end(resume(part.path), whole)


@pytest.mark.parametrize(("last_batch", "steps"), [("drop", 24), ("even", 27)])
def test_interrupted_where_the_last_batch_is_no_smaller_one(
    make_spec, assert_same_end, last_batch: str, steps: int
) -> None:
    """80 samples an epoch, clones counted: 8 batches of 9, or 9 of 9 and 8."""
    spec = make_spec(**EVERYTHING | {"batch_size": 9, "last_batch": last_batch})
    whole = run(spec)
    assert whole.epochs()[-1].step == steps
    for step in (1, 7, 8, 9, 10, 17, 20):
        part = run(spec, [StopAfter(step)])
        assert part.checkpoint().progress.step == step
        assert_same_end(resume(part.path), whole)


def test_killed_between_checkpoints(make_spec, assert_same_end) -> None:
    spec = make_spec(engine="numpy", **(EVERYTHING | {"checkpoint_every": 4}))
    whole = run(spec)
    for step, kept in ((1, 0), (4, 4), (5, 4), (9, 8), (10, 8), (11, 10), (29, 28), (30, 28)):
        with pytest.raises(MemoryError):
            run(replace(spec, output=replace(spec.output, name=f"dead-{step}")), [Die(step)])
        dead = open_run(Path(spec.output.runs_dir) / f"dead-{step}")
        assert dead.status == "failed"
        assert dead.checkpoint().progress.step == kept
        assert_same_end(resume(dead.path), whole)


def test_interrupted_many_times(make_spec, assert_same_end) -> None:
    spec = make_spec(**EVERYTHING)
    whole = run(spec)
    part = run(spec, [StopAfter(3)])
    for step in (4, 10, 11, 25):
        part = resume(part.path, [StopAfter(step)])
        assert part.status == "interrupted"
    assert_same_end(resume(part.path), whole)
    assert len(open_run(part.path).environment["resumed"]) == 5


def test_more_epochs(make_spec, assert_same_end) -> None:
    longer = make_spec(**(EVERYTHING | {"epochs": 5}))
    whole, part = run(longer), run(make_spec(**EVERYTHING))
    assert_same_end(resume(part.path, spec=longer), whole)
    assert open_run(part.path).spec.training.epochs == 5


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"learning_rate": 0.2}, r"\[optimizer\] learning_rate was 0.1, now 0.2"),
        ({"last_batch": "even"}, r"\[training\] last_batch was 'keep', now 'even'"),
        ({"dropout": 0.5}, r"\[model\] dropout was not given, now 0.5"),
        ({"epochs": 2}, r"\[training\] epochs was 3, now 2"),
        ({"data_seed": 1}, r"\[data\] data_seed was 0, now 1"),
        ({"threads": 2, "model_seed": 3}, r"model_seed was 0, now 3; \[engine\] threads was 0, now 2"),
    ],
)
def test_another_specification_is_refused(make_spec, change: dict[str, object], shown: str) -> None:
    part = run(make_spec(), [StopAfter(2)])
    before = {path: path.read_bytes() for path in part.path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=shown):
        resume(part.path, spec=make_spec(**change))
    assert before == {path: path.read_bytes() for path in part.path.rglob("*") if path.is_file()}


def test_more_epochs_of_a_cosine_are_refused(make_spec) -> None:
    part = run(make_spec(schedule="cosine"), [StopAfter(2)])
    with pytest.raises(UserError, match="epochs was 3, now 4"):
        resume(part.path, spec=make_spec(schedule="cosine", epochs=4))


def test_checks_and_outputs_may_differ(make_spec) -> None:
    whole, part = run(make_spec()), run(make_spec(), [StopAfter(7)])
    spec: RunSpec = make_spec(anomaly_checks="error", gradient_checks="error", show_samples=2, debug=True)
    done = resume(part.path, spec=spec)
    assert done.spec.output.show_samples == 2
    assert done.spec.output.name == part.name
    assert all(np.array_equal(whole.weights()[name], w) for name, w in done.weights().items())


def test_changed_data_is_refused(make_spec, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = tmp_path / "mine.npz"
    x, y = rng.random((30, 4)).astype(np.float32), np.arange(30) % 3
    np.savez(file, x=x, y=y)
    options = {"dataset": str(file), "select": "", "split": (0.6, 0.2, 0.2)}
    part = run(make_spec(**options), [StopAfter(1)])
    np.savez(file, x=x + 1, y=y)
    with pytest.raises(UserError, match="is not what it was when it began"):
        resume(part.path)


def test_nothing_left_to_do(make_spec) -> None:
    done = run(make_spec())
    with pytest.raises(UserError, match="has finished after 3 epochs; to go on, ask for more epochs"):
        resume(done.path)
    early = run(make_spec(learning_rate=0.0, early_stopping=1, stop_early=True))
    assert len(early.epochs()) == 2
    with pytest.raises(UserError, match="has finished after 2 epochs; it was stopped early"):
        resume(early.path, spec=make_spec(learning_rate=0.0, early_stopping=1, stop_early=True, epochs=9))


def test_damaged_checkpoint(make_spec) -> None:
    part = run(make_spec(), [StopAfter(2)])
    (part.path / "last.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        resume(part.path)


def test_an_empty_specification_is_not_one_of_defaults(make_spec) -> None:
    done = run(make_spec())
    for content in ("", "# nothing\n"):
        (done.path / "spec.toml").write_text(content)
        with pytest.raises(UserError, match=r"spec.toml' is damaged: it is empty"):
            resume(done.path)
        with pytest.raises(UserError, match=r"spec.toml' is damaged: it is empty"):
            open_run(done.path).snapshot()


@pytest.mark.parametrize("name", ["metrics.jsonl", "steps.jsonl", "environment.json", "graph.json", "best.safetensors"])
@pytest.mark.parametrize("damage", [b"", b"\x80nonsense\n"])
def test_nothing_is_changed_where_a_file_is_damaged(make_spec, name: str, damage: bytes) -> None:
    if name == "steps.jsonl" and not damage:
        pytest.skip("a run of which no step was recorded")
    done = run(make_spec(keep_best=True))
    (done.path / name).write_bytes(damage)
    before = {path: path.read_bytes() for path in done.path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=f"{name}' (is damaged|cannot be read)"):
        resume(done.path, spec=make_spec(keep_best=True, epochs=4))
    assert {path: path.read_bytes() for path in done.path.rglob("*") if path.is_file()} == before


def test_a_cut_line_of_epochs_is_not_gone_on_from(make_spec) -> None:
    done = run(make_spec())
    metrics = done.path / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes()[:-9])
    with pytest.raises(UserError, match="it has 2 whole epochs, but the last checkpoint stands behind epoch 3"):
        resume(done.path, spec=make_spec(epochs=4))
    assert done.status == "finished"
