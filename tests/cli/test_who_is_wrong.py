"""A fault in one engine's code, seen from the command line: the engine is named, the exit code is 1."""

import re
from pathlib import Path

import pytest

import backproof as bp
from backproof.cli import main
from backproof.engines import installed
from backproof.engines.numpy.convolution.winograd import Winograd
from backproof.errors import CheckFailedError

NETWORK = ["--model-option", "blocks=1,1", "--model-option", "width=64", "--model-option", "stem=small"]
DATA = ["-d", "digits", "--select", "0-39", "--batch-size", "10", "--epochs", "1"]
SOURCE = r"numpy: the first error source is layer1\.0\.conv\d, Conv2d\(64, 3, .*in the backward pass: its gradient of"

pytestmark = pytest.mark.skipif(not installed("torch"), reason="torch is not installed")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def wrong_winograd(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Winograd.input_gradient

    def wrong(self, dy, W, dx, call):
        right(self, dy, W, dx, call)
        dx.reshape(-1)[::3] *= 1.5

    monkeypatch.setattr(Winograd, "input_gradient", wrong)


def only_numpy_is_named(text: str) -> None:
    assert re.search(SOURCE, text), text
    assert not re.search(r"(torch|reference|jax): the first error source", text)
    assert not re.search(r"(torch|reference|jax) parts from", text)


@pytest.mark.parametrize("engines", ["numpy", "numpy,torch", "torch,numpy"])
def test_check_model(engines: str, wrong_winograd: None, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["check", "model", "resnet", *NETWORK, "--input", "1,8,8", "--steps", "2", "--engines", engines]
    assert main(command) == 1
    only_numpy_is_named(capsys.readouterr().out)


@pytest.mark.parametrize(("trained", "engines"), [("numpy", "torch"), ("torch", "numpy"), ("numpy", "numpy")])
def test_check_run(trained: str, engines: str, wrong_winograd: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *DATA, "--model", "resnet", *NETWORK, "--engine", trained, "--name", "r"]) == 0
    capsys.readouterr()
    assert main(["check", "run", "runs/r", "--engines", engines, "--steps", "1"]) == 1
    only_numpy_is_named(capsys.readouterr().out)


@pytest.mark.parametrize(("engine", "other"), [("numpy", "torch"), ("torch", "numpy")])
def test_train_check_against(engine: str, other: str, wrong_winograd: None, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", *DATA, "--model", "resnet", *NETWORK, "--engine", engine, "--check-against", other]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "engines part: epoch 1, step 1: numpy parts from torch in " in error
    only_numpy_is_named(error)


def test_bp_train(wrong_winograd: None) -> None:
    options = {"dataset": "digits", "select": "0-39", "batch_size": 10, "epochs": 1, "model": "resnet"}
    own = ("blocks=1,1", "width=64", "stem=small")
    with pytest.raises(CheckFailedError, match="numpy parts from torch") as found:
        bp.train(**options, model_option=own, engine="torch", check_against="numpy")
    only_numpy_is_named(str(found.value))
