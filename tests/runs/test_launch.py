"""A run from its specification to what is kept of it."""

import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.data import DataOptions, Partitions, PreprocessingOptions, load
from backproof.engines import Trainer
from backproof.engines.numpy import NumpyEngine
from backproof.errors import UserError
from backproof.runs.launch import repeats, run, run_all
from backproof.runs.store import list_runs, open_run
from backproof.runs.toml import load_experiments, read_tables, spec_from_tables
from backproof.train.events import Event, Observer


class Recorder(Observer):
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def keep(self, event: Event) -> None:
        self.events.append(event)

    run_started = epoch_started = step_starting = step_done = epoch_done = keep
    early_stop_marked = anomaly_found = gradients_checked = interrupted = run_finished = keep


def test_what_is_kept(make_spec) -> None:
    spec = make_spec(early_stopping=2, show_samples=4, track_layer=("fc1,3", "fc2,2"), weight_decay=0.01)
    done = run(spec)
    assert done.name == "mlp-numpy"
    assert done.status == "finished"
    assert done.spec == replace(spec, output=replace(spec.output, name="mlp-numpy"))
    assert (done.dataset.train, done.dataset.dev, done.dataset.test) == (40, 10, 10)
    assert done.dataset.input_shape == (1, 8, 8)
    assert done.graph.loss == "loss"
    assert done.environment["python"]
    assert done.environment["started"].endswith("Z")
    epochs = done.epochs()
    assert [e.epoch for e in epochs] == [1, 2, 3]
    assert [e.step for e in epochs] == [5, 10, 15]
    assert epochs[0].train.cost > epochs[0].train.loss > epochs[2].train.loss
    result = done.result()
    assert result is not None
    assert result.train is not None
    assert result.test is not None
    assert result.dev is not None
    assert epochs[2].dev is not None
    assert result.dev.cost == epochs[2].dev.cost
    assert result.parameters == 64 * 8 + 8 + 8 * 10 + 10
    assert result.parameters_per_sample == result.parameters / 40
    confusion = done.final()["confusion"]
    assert confusion.sum() == 10
    assert np.trace(confusion) / 10 == result.test.accuracy
    arrays = done.arrays(3)
    assert arrays["confusion_dev"].sum() == 10
    assert np.array_equal(arrays["track.fc1"], done.weights()["fc1.weight"][:3])
    assert arrays["track.fc2"].shape == (2, 8)
    assert arrays["samples_x"].shape == (4, 1, 8, 8)
    assert arrays["samples_predicted"].shape == arrays["samples_y"].shape == (4,)
    assert ((arrays["samples_probability"] > 0.1) & (arrays["samples_probability"] <= 1)).all()
    assert not list(done.path.glob(".*")), "nothing temporary is left"


def test_repeated_from_its_own_file(make_spec) -> None:
    first = run(make_spec(dropout=0.2, noise=0.1))
    again = run(load_experiments(first.path / "spec.toml")[0])
    assert again.name == "mlp-numpy-2"
    assert all(np.array_equal(again.weights()[name], w) for name, w in first.weights().items())


def test_observers_change_nothing(make_spec, tmp_path: Path) -> None:
    spec = make_spec(dropout=0.3, batch_norm=True, batch_size=8, optimizer="adam", noise=0.1, weight_decay=0.01)
    alone = run(spec)
    watched = run(
        make_spec(
            dropout=0.3, batch_norm=True, batch_size=8, optimizer="adam", noise=0.1, weight_decay=0.01,
            gradient_checks="error", gradient_check_every=3, anomaly_checks="error", track_layer=("fc1,2",),
            show_samples=3, checkpoint_every=1, dump_batches=str(tmp_path / "dump"), profile=True, debug=True,
        ),
        [recorder := Recorder()],
    )  # fmt: skip
    assert all(np.array_equal(watched.weights()[name], w) for name, w in alone.weights().items())
    assert [e.train for e in watched.epochs()] == [e.train for e in alone.epochs()]
    assert [e.dev for e in watched.epochs()] == [e.dev for e in alone.epochs()]

    result = watched.result()
    assert result is not None
    assert (result.gradient_checks["made"], result.gradient_checks["failed"]) == (5, 0)
    assert len(list((tmp_path / "dump").glob("*.png"))) == 3
    assert "<html" in (watched.path / "profile.html").read_text().lower()
    nodes = json.loads((watched.path / "profile.json").read_text())["nodes"]
    assert [n["node"] for n in nodes] == [n.name for n in watched.graph.nodes]
    assert all(n["forward_s"] > 0 for n in nodes)
    log = (watched.path / "log.txt").read_text().splitlines()
    assert any("epoch 3 step 15: cost" in line for line in log)
    assert log[0][10] == "T"
    assert log[0].split()[0].endswith("Z")
    names = [type(event).__name__ for event in recorder.events]
    assert names[0] == "RunStarted"
    assert names[-1] == "RunFinished"
    assert [names.count(n) for n in ("EpochStarted", "StepStarting", "StepDone", "EpochDone")] == [3, 15, 15, 3]


def test_keep_best(make_spec) -> None:
    done = run(make_spec(learning_rate=3.0, epochs=8, keep_best=True))
    result = done.result()
    assert result is not None
    assert result.dev is not None
    dev = [e.dev.cost for e in done.epochs() if e.dev]
    assert result.best_epoch == 1 + int(np.argmin(dev))
    assert result.best_epoch < 8
    assert result.dev.cost == min(dev)
    best = done.predictor().parameters()
    assert all(np.array_equal(w, best[name]) for name, w in done.weights("best").items())


def test_without_dev(make_spec) -> None:
    done = run(make_spec(eval_dev=False))
    assert [e.dev for e in done.epochs()] == [None] * 3
    assert done.arrays(1) == {}
    with pytest.raises(UserError, match="has no best weights"):
        done.weights("best")
    only_train = run(make_spec(split=(1.0,)))
    result = only_train.result()
    assert result is not None
    assert (result.dev, result.test) == (None, None)


def test_no_epochs(make_spec) -> None:
    done = run(make_spec(epochs=0))
    assert done.status == "finished"
    assert done.epochs() == []
    assert done.weights().keys() == done.graph.parameters.keys()


def test_mse(make_spec) -> None:
    done = run(make_spec(loss="mse", epochs=5, show_samples=2))
    first, last = done.epochs()[0], done.epochs()[-1]
    assert last.train.cost < first.train.cost < 5
    assert done.arrays(5)["samples_probability"].shape == (2,)


def test_repeats_and_names(make_spec) -> None:
    runs = run_all(repeats(make_spec(epochs=1), 3))
    assert [r.name for r in runs] == ["mlp-numpy", "mlp-numpy-2", "mlp-numpy-3"]
    assert [r.spec.model.model_seed for r in runs] == [0, 1, 2]
    assert len({r.weights()["fc1.weight"].tobytes() for r in runs}) == 3
    assert {r.name for r in list_runs(runs[0].path.parent)} == {r.name for r in runs}
    with pytest.raises(UserError, match="repeat is 0"):
        repeats(make_spec(), 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "mpl"}, "unknown model 'mpl'; did you mean mlp"),
        ({"engine": "torch", "device": "abacus"}, "abacus"),
        ({"track_layer": ("fc7,3",)}, "layer 'fc7' is not in the network"),
        ({"name": "../up"}, "name is '../up'"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_all_are_checked_before_the_first_begins(
    make_spec, tmp_path: Path, wrong: dict[str, object], message: str, place: int
) -> None:
    specs = [make_spec()] * 2
    specs.insert(place, make_spec(**wrong))
    with pytest.raises(UserError, match=message):
        run_all(specs)
    assert not (tmp_path / "runs").exists()


def test_experiments_share_their_data_and_hold_one_trainer_at_a_time(make_spec, monkeypatch) -> None:
    made: list[weakref.ref[Trainer]] = []
    loaded: list[str] = []

    def compile_alone(engine: NumpyEngine, *arguments: Any, **options: Any) -> Trainer:
        assert not any(trainer() for trainer in made)
        trainer = compiled(engine, *arguments, **options)
        made.append(weakref.ref(trainer))
        return trainer

    def count_load(data: DataOptions, preprocessing: PreprocessingOptions) -> Partitions:
        loaded.append(data.dataset)
        return load(data, preprocessing)

    compiled = NumpyEngine.compile
    monkeypatch.setattr(NumpyEngine, "compile", compile_alone)
    monkeypatch.setattr("backproof.runs.prepare.load", count_load)
    common = {"epochs": 1, "debug": True, "anomaly_checks": "warn"}
    runs = run_all([make_spec(**common), make_spec(layers=(9,), **common), make_spec(layers=(7,), **common)])
    assert [r.spec.model.layers for r in runs] == [(8,), (9,), (7,)]
    assert len(made) == 5, "the first is prepared once, the others once more to be checked"
    assert loaded == ["digits"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "nmpy"}, "unknown engine 'nmpy'; did you mean numpy"),
        ({"dataset": "digit"}, "did you mean digits"),
        ({"optimizer": "adamm"}, "unknown optimizer 'adamm'; did you mean adam"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'; did you mean cosine"),
        ({"init": "kaiming"}, "unknown initializer 'kaiming'; did you mean kaiming_"),
        ({"beta1": 0.5}, "optimizer 'sgd' has no beta1; it has learning_rate, weight_decay"),
        ({"optimizer": "adam", "bound_gamma": 0.1}, "optimizer 'adam' has no bound_gamma"),
        ({"loss": "mse", "label_smoothing": 0.1}, "label_smoothing is for loss=cross_entropy"),
        ({"track_layer": ("fc7,3",)}, "layer 'fc7' is not in the network; those with weights are fc1, fc2"),
        ({"track_layer": ("relu1,3",)}, "layer 'relu1' has no weights"),
        ({"track_layer": ("fc1,9",)}, "layer 'fc1' has 8 units, not 9"),
        ({"track_layer": ("fc1",)}, "must be NAME,UNITS"),
        ({"show_samples": -1}, "^show_samples is -1; it must be 0 or more"),
        ({"show_samples": 2, "split": (1.0,)}, "show_samples shows dev samples"),
        ({"checkpoint_every": -1}, "^checkpoint_every is -1; it must be 1 or more steps, or 0 for off"),
        (
            {"batch_norm": True, "batch_size": 39},
            "batch_size=39 leaves a batch of one .* take batch_size=40 or last_batch=even$",
        ),
        ({"batch_norm": True, "batch_size": 1}, "batch_size=1 .* take batch_size=4$"),
        ({"last_batch": "evn"}, "last_batch is 'evn'; did you mean even"),
        ({"name": "../up"}, "name is '../up'"),
        ({"model_option": ("dropout=0.1",), "dropout": 0.2}, "model_option gives 'dropout'"),
    ],
)
def test_bad_input_leaves_nothing_behind(make_spec, tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(make_spec(**options))
    assert not (tmp_path / "runs").exists()


def test_anomaly_checks(make_spec) -> None:
    diverging = {"learning_rate": 1e30, "engine": "numpy"}
    with pytest.raises(UserError, match=r"epoch 1, step \d: first (NaN|infinity) in the \w+ pass, .* of node '\w+'"):
        run(make_spec(**diverging, anomaly_checks="error"))
    (failed,) = list_runs(make_spec().output.runs_dir)
    result = failed.result()
    assert failed.status == "failed"
    assert result is not None
    assert "first" in str(result.error)

    for checks in ("warn", "off"):
        recorder = Recorder()
        run(make_spec(**diverging, anomaly_checks=checks), [recorder])
        (problem,) = [e for e in recorder.events if type(e).__name__ == "AnomalyFound"]
        assert bool(problem.node) == (checks == "warn")
    assert "anomaly_checks=error finds the node" in problem.message


def test_open_run(make_spec, tmp_path: Path) -> None:
    done = run(make_spec(epochs=1, name="alpha"))
    assert open_run(done.path).name == "alpha"
    with pytest.raises(UserError, match=r"did you mean .*runs/alpha\?"):
        open_run(done.path.parent / "alhpa")
    with pytest.raises(UserError, match=r"is no run: it has no spec.toml"):
        open_run(tmp_path)
    with pytest.raises(UserError, match="there is no run"):
        open_run(tmp_path / "nowhere" / "x")


def test_read_while_it_is_written(make_spec) -> None:
    done = run(make_spec(epochs=2))
    with (done.path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "step"')
    assert [e.epoch for e in open_run(done.path).epochs()] == [1, 2]


def test_tables_of_a_file_and_options_over_them(make_spec) -> None:
    done = run(make_spec(epochs=1))
    (tables,) = read_tables(done.path / "spec.toml")
    assert spec_from_tables(tables) == done.spec
