"""`last_batch`: what becomes of the samples of an epoch that make no full batch."""

import io
from pathlib import Path

import numpy as np
import pytest

import backproof as bp
from backproof.cli import main
from backproof.runs.launch import run
from backproof.runs.store import open_run
from backproof.train import Observer
from backproof.train.events import RunStarted, StepDone
from backproof.view import TerminalProgress
from backproof.view.sections.run import data_facts

SMALL = {"select": "0-59", "split": (40, 10, 10), "layers": (8,), "epochs": 2}
"""40 training samples: in batches of 9 four are left."""


class Keep(Observer):
    """Sizes of batches by epoch, and what is said before."""

    def __init__(self) -> None:
        self.sizes: dict[int, list[int]] = {}
        self.started: RunStarted | None = None

    def run_started(self, event: RunStarted) -> None:
        self.started = event

    def step_done(self, event: StepDone) -> None:
        self.sizes.setdefault(event.progress.epoch, []).append(len(event.batch.y))


@pytest.mark.parametrize(
    ("last_batch", "sizes", "words"),
    [
        ("keep", [9, 9, 9, 9, 4], "40 samples in 5 batches of 9, the last of 4"),
        ("drop", [9, 9, 9, 9], "36 samples in 4 batches of 9; 4 others are left out, drawn anew in each epoch"),
        ("even", [8, 8, 8, 8, 8], "40 samples in 5 batches of 8"),
    ],
)
def test_sizes_of_an_epoch(make_spec, last_batch: str, sizes: list[int], words: str) -> None:
    keep = Keep()
    done = run(make_spec(last_batch=last_batch, epochs=2), [keep])
    assert keep.sizes == {1: sizes, 2: sizes}
    assert (keep.started.samples_per_epoch, keep.started.batches_per_epoch) == (sum(sizes), len(sizes))
    assert done.spec.training.last_batch == last_batch
    assert data_facts(done.snapshot())["an epoch"] == words
    assert done.epochs()[-1].step == 2 * len(sizes)


def test_keep_is_the_default_and_clones_count(make_spec) -> None:
    done = run(make_spec(epochs=1, clone=3, batch_size=32))
    assert done.spec.training.last_batch == "keep"
    assert data_facts(done.snapshot())["an epoch"] == "120 samples in 4 batches of 32, the last of 24"


def test_full_batches_know_no_last_one(make_spec) -> None:
    weights = [run(make_spec(batch_size="full", last_batch=way)).weights() for way in ("keep", "drop", "even")]
    for other in weights[1:]:
        assert all(np.array_equal(w, other[name]) for name, w in weights[0].items())


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"batch_size": 37}, "the last batch of each epoch has 3 samples, the others 37: "),
        ({"batch_size": 13}, "the last batch of each epoch has 1 sample, the others 13: "),
        ({"batch_size": 37, "last_batch": "even"}, ""),
        ({"batch_size": 37, "last_batch": "drop"}, ""),
        ({"batch_size": 32}, ""),  # 8 are a quarter
        ({"batch_size": 33}, "the last batch of each epoch has 7 samples, the others 33: "),
        ({"batch_size": 40}, ""),
    ],
)
def test_a_note_where_the_last_batch_is_under_a_quarter(make_spec, options: dict[str, object], note: str) -> None:
    keep = Keep()
    run(make_spec(epochs=1, **options), [keep])
    found = [said for said in keep.started.notes if "last batch" in said]
    assert [said[: len(note)] for said in found] == ([note] if note else [])
    for said in found:
        assert said.endswith("last_batch=even makes batches of equal size, last_batch=drop leaves it out")


def test_at_the_command_line_and_in_a_file(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["train", "--select", "0-59", "--split", "40,10,10", "--layers", "8", "--epochs", "1"]
    assert main([*common, "--batch-size", "39", "--name", "kept"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "note: the last batch of each epoch has 1 sample, the others 39:" in said
    assert "--last-batch even makes batches of equal size, --last-batch drop leaves it out" in said
    assert main([*common, "--batch-size", "39", "--last-batch", "drop", "--name", "dropped"]) == 0
    assert "39 samples an epoch in 1 batches" in " ".join(capsys.readouterr().out.split())
    assert open_run("runs/dropped").epochs()[-1].step == 1
    Path("even.toml").write_text("[training]\nlast_batch = 'even'\nbatch_size = 39\n")
    assert main([*common, "--config", "even.toml", "--name", "even"]) == 0
    assert open_run("runs/even").spec.training.last_batch == "even"
    assert open_run("runs/even").epochs()[-1].step == 2
    Path("wrong.toml").write_text("[training]\nlast_batch = 'evn'\n")
    assert main([*common, "--config", "wrong.toml"]) == 2
    assert "wrong.toml: [training] last_batch is 'evn'; did you mean even?" in capsys.readouterr().err
    assert main([*common, "--last-batch", "dorp"]) == 2
    assert "drop" in capsys.readouterr().err


def test_in_python(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    from rich.console import Console

    out = io.StringIO()
    done = bp.train(
        **SMALL, batch_size=12, last_batch="drop", observers=[TerminalProgress(Console(file=out, width=99))]
    )
    assert done.epochs()[-1].step == 6
    assert "36 samples an epoch in 3 batches" in " ".join(out.getvalue().split())
    part = bp.train(**SMALL | {"epochs": 1}, batch_size=12, last_batch="drop", name="part")
    assert bp.resume(part, epochs=2).epochs()[-1].train == done.epochs()[-1].train


def test_batch_norm_trains_where_no_batch_of_one_is_left(make_spec) -> None:
    for last_batch in ("drop", "even"):
        done = run(make_spec(batch_norm=True, batch_size=39, last_batch=last_batch, epochs=1))
        assert np.isfinite(done.epochs()[0].train.loss)
