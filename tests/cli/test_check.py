"""`backproof check`: tables, exit codes, files."""

import json
from pathlib import Path

import pytest

from backproof.cli import main
from backproof.engines import custom
from backproof.user_file import EXECUTED
from backproof.verify import CheckReport

WRONG = """
from dataclasses import dataclass
import numpy as np
import backproof as bp
from backproof.ops import Tanh

@bp.testing.kernel(Tanh)
class TanhKernel:
    def forward(self, op, inputs, p, call):
        return np.tanh(inputs[0]), inputs

    def backward(self, op, dy, saved, p, g, call):
        (x,) = saved
        return (dy * (1 - x**2),)
"""


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    custom.KERNELS["numpy"].clear()


def test_operations_that_agree(capsys):
    command = ["check", "op", "Linear", "relu", "--engines", "numpy,reference", "--seeds", "1", "--json", "a.json"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "numpy" in out
    assert "comparisons agree" in out
    assert "skipped: Linear, ReLU (2): the reference engine computes in float64, not in float32" in out
    report = CheckReport.from_json(Path("a.json").read_text())
    assert report.passed
    assert report.subjects == ("Linear", "ReLU")
    assert json.loads(Path("a.json").read_text())["passed"] is True


def test_an_optimizer_that_agrees(capsys):
    assert main(["check", "optimizer", "AdaBound", "--engines", "numpy", "--dtype", "float64"]) == 0
    assert "AdaBound" in capsys.readouterr().out


def test_a_wrong_file_is_named_kept_and_replayed(capsys):
    Path("mine.py").write_text(WRONG)
    assert main(["check", "mine.py", "--seeds", "1", "--save", "bad"]) == 1
    out = capsys.readouterr().out
    assert "Tanh: gradient of input x0 of yours, reference: reference," in out
    assert "again: backproof check replay bad/Tanh-yours-float64-1.npz --use mine.py" in out
    assert "comparisons disagree" in out
    custom.KERNELS["numpy"].clear()  # as in another process
    EXECUTED.clear()
    assert main(["check", "replay", "bad/Tanh-yours-float64-1.npz"]) == 2
    assert "which the check had executed; add --use" in capsys.readouterr().err
    assert main(["check", "replay", "bad/Tanh-yours-float64-1.npz", "--use", "mine.py"]) == 1
    assert "gradient of input x0" in capsys.readouterr().out
    assert main(["check", "replay", "bad/Tanh-yours-float64-1.npz", "--engines", "numpy"]) == 0


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["op", "Conv3d"], "unknown operation 'Conv3d'; did you mean Conv2d"),
        (["optimizer", "adamm"], "unknown optimizer 'adamm'; did you mean"),
        (["op", "Linear", "--engines", "nunpy"], "unknown engine 'nunpy'; did you mean numpy"),
        (["op", "Linear", "--dtype", "float16"], "--dtype"),
        (["op", "Linear", "--seeds", "0"], "--seeds is 0; it must be 1 or more"),
        (["--processes", "-1"], "--processes is -1; it must be 1 or more, or 0 for one a core"),
        (["modle"], "unknown check 'modle'; did you mean model"),
        (["nothing.py"], "there is no file 'nothing.py'"),
        (["replay", "nothing.npz"], "there is no file 'nothing.npz'"),
    ],
)
def test_mistakes_get_a_sentence(tokens, sentence, capsys):
    assert main(["check", *tokens]) == 2
    assert sentence in capsys.readouterr().err


def test_a_replay_of_something_else(capsys):
    Path("x.npz").write_text("no")
    assert main(["check", "replay", "x.npz"]) == 2
    assert "is no file that `backproof check --save` wrote" in capsys.readouterr().err
