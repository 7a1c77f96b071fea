"""The program as a whole: exit codes, help, and the commands that only list things."""

from pathlib import Path

import pytest

import backproof
from backproof import cli
from backproof.cli import main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == backproof.__version__


@pytest.mark.parametrize("command", ["train", "compare", "export", "report", "models", "engines", "data"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: backproof {command}")


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["trian"], 'Unknown command "trian". Did you mean "train"?'),
        (["bench", "trian"], "'trian' means nothing here; `backproof bench --help` shows what can be given."),
        (["engines", "numpy", "torch"], "'numpy torch' means nothing here; `backproof engines --help`"),
        (["data", "lst"], 'Did you mean "list"?'),
        (["models", "mpl"], "unknown model 'mpl'; did you mean mlp"),
        (["models", "--clases", "3"], "Did you mean --classes?"),
        (["models", "mlp", "--input", "1,x"], "--input is 1,x; it must be whole numbers with commas"),
        (["data", "show", "digit"], "unknown dataset 'digit'; did you mean digits"),
        (["data", "make", "colors", "--seed", "-1"], "--seed is -1; it must be 0 or more"),
        (["bench", "op", "Conv2d", "--batch-size", "0"], "--batch-size is 0; it must be 1 or more"),
        (["bench", "startup", "--engines", "nunpy"], "unknown engine 'nunpy'; did you mean numpy"),
        (["data", "make", "color"], "did you mean colors"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(
    tokens: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(tokens) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert err.startswith("backproof: ")
    assert err.count("\n") == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    assert main([]) == 130


def test_engines_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "numpy",
        "reference",
        "numba",
        "torch",
        "jax",
        "onnxruntime",
    ]
    assert "blas" in out


def test_a_missing_engine_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backproof.cli.engines.installed", lambda name: name != "torch")
    assert main(["engines"]) == 0
    assert "pip install 'backproof[torch]'" in capsys.readouterr().out


def test_models_lists_options_and_prints_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert "--layers 100" in capsys.readouterr().out
    assert main(["models", "neurose", "--input", "784"]) == 0
    assert "240,194" in capsys.readouterr().out


def test_data_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "list"]) == 0
    assert "digits" in capsys.readouterr().out
    assert main(["data", "make", "colors"]) == 0
    assert len(list((tmp_path / "datasets" / "colors").rglob("*.png"))) == 300
    assert main(["data", "show", "colors", "-o", "sheet.png"]) == 0
    assert "train 210, dev 45, test 45" in capsys.readouterr().out
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
