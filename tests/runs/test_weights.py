"""Runs that begin with weights from a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backproof.cli import main
from backproof.errors import UserError
from backproof.graph import initial_parameters
from backproof.interchange import write_weights
from backproof.runs.launch import resume, run
from backproof.runs.prepare import prepare
from backproof.runs.store import open_run


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_a_run_begins_with_them(make_spec, tmp_path: Path, suffix: str, engine: str) -> None:
    pytest.importorskip("torch")
    file = tmp_path / f"start{suffix}"
    given = initial_parameters(prepare(make_spec()).graph, seed=77)
    write_weights(file, given)
    spec = make_spec(weights=str(file), epochs=0, engine=engine)
    begun = run(spec).weights()
    assert begun.keys() == given.keys()
    assert all(np.array_equal(begun[name], given[name].astype(np.float32)) for name in given)


def test_a_skipped_layer_is_drawn_from_the_seed(make_spec, tmp_path: Path) -> None:
    file = tmp_path / "start.safetensors"
    write_weights(file, initial_parameters(prepare(make_spec()).graph, seed=77))
    begun = prepare(make_spec(weights=str(file), weights_skip=("fc2",))).trainer.parameters()
    drawn = prepare(make_spec()).trainer.parameters()
    assert np.array_equal(begun["fc2.weight"], drawn["fc2.weight"])
    assert not np.array_equal(begun["fc1.weight"], drawn["fc1.weight"])


def test_from_the_checkpoint_of_another_run(make_spec) -> None:
    first = run(make_spec(batch_norm=True))
    second = prepare(make_spec(batch_norm=True, weights=str(first.path / "best.safetensors"), engine="torch"))
    best = first.weights("best")
    assert all(np.array_equal(value, best[name]) for name, value in second.trainer.parameters().items())


def test_going_on_needs_the_file_no_more(make_spec, tmp_path: Path) -> None:
    file = tmp_path / "start.safetensors"
    write_weights(file, initial_parameters(prepare(make_spec()).graph, seed=77))
    whole = run(make_spec(weights=str(file), epochs=2))
    half = run(make_spec(weights=str(file), epochs=1))
    file.unlink()
    longer = replace(half.spec, training=replace(half.spec.training, epochs=2))
    again = resume(half.path, spec=longer)
    assert all(np.array_equal(value, again.weights()[name]) for name, value in whole.weights().items())


def test_what_does_not_fit_leaves_nothing_behind(
    make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "start.safetensors"
    write_weights(file, initial_parameters(prepare(make_spec()).graph, seed=77))
    with pytest.raises(UserError, match=r"'fc1.weight' has shape \(8, 64\), not \(9, 64\)"):
        run(make_spec(weights=str(file), layers=(9,)))
    with pytest.raises(UserError, match="weights_skip is for weights=FILE"):
        run(make_spec(weights_skip=("fc1",)))
    assert not (tmp_path / "runs").exists()
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--dataset", "digits", "--weights", "none.pth"]) == 2
    assert capsys.readouterr().err == "backproof: there is no file of weights 'none.pth'\n"
    assert not (tmp_path / "runs").exists()


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["train", "--dataset", "digits", "--model", "cnn", "--model-option", "channels=2", "--name", "a"]
    assert main([*common, "--epochs", "1"]) == 0
    begun = ["--weights", "runs/a/last.safetensors", "--weights-skip", "fc1", "--epochs", "0"]
    assert main([*common[:-1], "b", *begun]) == 0
    a, b = (open_run(f"runs/{name}").weights() for name in "ab")
    assert np.array_equal(a["conv1.weight"], b["conv1.weight"])
    assert not np.array_equal(a["fc1.weight"], b["fc1.weight"])


def test_a_network_for_pixels_is_not_trained_on_classes(make_spec) -> None:
    with pytest.raises(UserError, match=r"model 'unet' puts out \(N, 10, 8, 8\), .* data needs \(N, 10\)"):
        run(make_spec(model="unet", layers=None))


def test_a_batch_of_one_image_has_statistics(make_spec) -> None:
    """41 samples leave one over: enough for the batch norm of images, unless they have shrunk to a pixel."""
    options = {"model": "resnet", "layers": None, "batch_size": 4, "split": (41, 9, 9), "epochs": 1}
    small = make_spec(**options, model_option=("stem=small", "blocks=1,1", "width=2"))
    assert run(small).status == "finished"
    shrunk = make_spec(**options, model_option=("blocks=1,1,1,1", "width=2"))
    with pytest.raises(UserError, match=r"leaves a batch of one of the 41 training samples, and node 'layer2.0.bn2'"):
        run(shrunk)
