"""The code on the pages about Python and about models runs as it stands."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "python-api.md"
MODELS = DOCS / "models.md"


def test_weights_from_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", MODELS.read_text(), re.DOTALL)
    exec(compile(code, str(MODELS), "exec"), {"__name__": "page"})
    assert capsys.readouterr().out == "(6, 1, 5, 5)\n"


def test_python_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    exec(compile(code, str(PAGE), "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out
    assert "did you mean epochs" in printed
    assert "block3.add" in printed
    assert "epoch 3: the largest weight is" in printed
