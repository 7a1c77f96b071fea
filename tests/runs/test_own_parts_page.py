"""docs/how-to/write-your-own-parts.md is a transcript: its file and its commands are run, and print what it shows."""

import re
import shlex
from pathlib import Path

import pytest

from backproof.cli import main
from backproof.engines import installed

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "write-your-own-parts.md").read_text()


def without_numbers(line: str) -> str:
    """A line with numbers and times as #, so that only what is said, and how much of it, is compared."""
    line = re.sub(r"-?\d[\d,.]*(e[+-]\d+)?( (µs|ms|s)\b)?", "#", line.replace("*", ""))
    return " ".join(line.split())


@pytest.mark.skipif(not installed("torch"), reason="PyTorch is not installed")
@pytest.mark.slow
def test_the_transcript(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    *code, from_python = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    Path("mine.py").write_text("\n\n".join(code))
    shown = re.findall(
        r"^\$ (backproof [^\n]*)\n(.*?)(?=^\$|\Z)",
        "".join(block + "\n" for block in re.findall(r"```\n(\$ .*?)\n```", PAGE, re.S)),
        re.M | re.S,
    )
    assert len(shown) == 6
    for command, output in shown:
        assert main(shlex.split(command)[1:]) == 0, command
        printed = [without_numbers(line) for line in capsys.readouterr().out.strip("\n").splitlines()]
        assert printed == [without_numbers(line) for line in output.rstrip("\n").splitlines()], command
    names: dict = {}
    exec("import backproof as bp, numpy as np\n" + from_python, names)
    assert names["scores"].shape == (1, 10)
    assert "QuickGELU" in Path("report.html").read_text()
    assert main(["check", "run", "runs/mine", "--engines", "reference"]) == 0
    assert main(["check", "op", "QuickGELU", "--use", "mine.py", "--engines", "numpy"]) == 0
    (bench,) = re.findall(r"`backproof (bench op [^`]*)`", PAGE)
    assert main([*shlex.split(bench.replace("numpy,numba", "numpy")), "--rounds", "2"]) == 0
    assert "QuickGELU" in capsys.readouterr().out
