"""The code on the page about scikit-learn runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-with-scikit-learn.md"


def test_use_with_scikit_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    exec(compile(code, str(PAGE), "exec"), {"__name__": "page"})
    accuracies = [float(found) for found in re.findall(r"accuracy ([\d.]+)", capsys.readouterr().out)]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.8
