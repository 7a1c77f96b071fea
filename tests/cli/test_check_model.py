"""`backproof check model` and `backproof check run`: verdict, exit code, files."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest

from backproof.cli import main
from backproof.engines.numpy.kernels import KERNELS
from backproof.ops import ReLU, SoftmaxCrossEntropy

SMALL = ["check", "model", "mlp", "--input", "6", "--model-option", "layers=4,3"]
MLP = [*SMALL, "--engines", "numpy,reference"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def wrong_relu(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(type(KERNELS[ReLU])):
        def backward(self, op, dy, saved, p, g, call):
            return tuple(None if dx is None else 2 * dx for dx in super().backward(op, dy, saved, p, g, call))

    monkeypatch.setitem(KERNELS, ReLU, Wrong())


def test_agreement(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--report", "page.html", "--json", "found.json", "--steps", "3"]
    assert main([*MLP, *files]) == 0
    out = capsys.readouterr().out
    assert "numpy and reference agree with reference in float64 at each of" in out
    assert "over 3 training steps" in out
    assert "Everything agrees" in (here / "page.html").read_text()
    assert json.loads((here / "found.json").read_text())["passed"]


UNET = [
    "check",
    "model",
    "unet",
    "--input",
    "2,8,8",
    "--model-option",
    "depth=1",
    "--model-option",
    "width=2",
    "--engines",
    "numpy",
]


@pytest.mark.parametrize(
    "tokens",
    [
        [*SMALL, "--task", "regression", "--classes", "2", "--engines", "numpy"],
        [*SMALL, "--task", "regression", "--loss", "smooth_l1", "--engines", "numpy", "--steps", "2"],
        [*UNET, "--classes", "3"],
        [*UNET, "--classes", "3", "--loss", "dice", "--steps", "2"],
        [*UNET, "--classes", "1", "--evaluation"],
        [*UNET, "--classes", "1", "--loss", "dice"],
        [*UNET, "--classes", "3", "--model-option", "deep_supervision=true", "--steps", "2"],
    ],
)
def test_every_task_is_checked(tokens: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tokens) == 0
    assert "numpy agrees with reference in float64" in capsys.readouterr().out


def test_a_loss_that_does_not_fit_the_task_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--task", "regression", "--loss", "nll"]) == 2
    assert "--loss is 'nll'; for regression there are mse" in capsys.readouterr().err


def test_a_wrong_node_is_named(wrong_relu: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MLP, "--json", "found.json"]) == 1
    assert "the first error source is relu2, ReLU(), in the backward pass" in capsys.readouterr().out
    assert json.loads((here / "found.json").read_text())["first_failure"]["subject"] == "relu2"


def test_one_node_alone(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert main([*MLP, "--node", "fc1", "--json", "found.json"]) == 0
    findings = json.loads((here / "found.json").read_text())["findings"]
    assert {f["subject"] for f in findings if f["case"].startswith("isolated")} == {"fc1"}


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["check", "model", "nolp"], "unknown model 'nolp'; did you mean mlp"),
        ([*SMALL, "--engines", "nump"], "unknown engine 'nump'"),
        ([*MLP, "--node", "fc"], "unknown layer 'fc'; did you mean"),
        ([*MLP, "--seed", "-1"], "--seed is -1; it must be 0 or more"),
        ([*MLP, "--batch-size", "0"], "--batch-size is 0; it must be 1 or more"),
        ([*MLP, "--steps", "2", "--optimizer", "adm"], "did you mean adam"),
        ([*MLP, "--optimizer", "adm"], "did you mean adam"),
        ([*MLP, "--json", "."], "the --json file cannot be written to .: Is a directory"),
        (["check", "run", "runs/none", "--steps", "-1"], "--steps is -1; it must be 0 or more"),
        (["check", "run", "runs/none"], "there is no run 'runs/none'"),
    ],
)
def test_mistakes_get_one_line(tokens: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tokens) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_a_run_is_checked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "-d", "digits", "--select", "0-59", "--layers", "6", "--epochs", "1", "--batch-size", "20"])
    before = {path: path.read_bytes() for path in (here / "runs").rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(["check", "run", "runs/mlp-numpy", "--engines", "reference", "--steps", "2"]) == 0
    out = capsys.readouterr().out
    assert "agree with reference in float64" in out
    assert "over 2 training steps" in out
    assert "finite differences: all 5 agree" in out
    assert {path: path.read_bytes() for path in (here / "runs").rglob("*") if path.is_file()} == before


def test_a_wrong_run_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Wrong(type(KERNELS[SoftmaxCrossEntropy])):
        def backward(self, op, dy, saved, p, g, call):
            dx, *rest = super().backward(op, dy, saved, p, g, call)
            return (1.01 * dx, *rest)

    monkeypatch.setitem(KERNELS, SoftmaxCrossEntropy, Wrong())
    main(["train", "-d", "digits", "--select", "0-59", "--layers", "6", "--epochs", "1", "--batch-size", "20"])
    assert main(["check", "run", "runs/mlp-numpy", "--engines", "reference", "--steps", "1"]) == 1
    out = capsys.readouterr().out
    assert "the first error source is loss, SoftmaxCrossEntropy" in out
    assert "numpy parts from reference at step 1" in out

    assert re.search(r"fc1.weight.*finite differences.*analytical .*, numerical", out)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_of_progress_is_gone_after_an_interrupt(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["train", "-d", "digits", "--select", "0-59", "--layers", "6", "--epochs", "1", "--batch-size", "20"])

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backproof.runs.checks.model.check_gradients", interrupted)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with pytest.raises(SystemExit, match="130"):
        main(["check", "run", "runs/mlp-numpy"])
    assert terminal.getvalue() == "\r\x1b[Kanomalies\r\x1b[Kfinite differences\r\x1b[K"
