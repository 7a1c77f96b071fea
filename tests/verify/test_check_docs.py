"""The page on checking one's own layer is true: its files are run, and the check says what the page says."""

import re
from pathlib import Path

import pytest

from backproof.cli import main
from backproof.engines import custom, installed

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "how-to" / "check-your-own-layer.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)

pytestmark = pytest.mark.skipif(not installed("torch"), reason="PyTorch is not installed")


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    custom.KERNELS["numpy"].clear()
    custom.UPDATES["numpy"].clear()


def block(start: str) -> str:
    (found,) = (b for b in BLOCKS if b.lstrip().startswith(start))
    return found


def faults(text: str) -> list[str]:
    """What is told of faults, without times."""
    return re.findall(r"^differs .*\n +error .*\n +\w.*", text, re.M)


def test_the_wrong_gelu_and_the_right_one(capsys):
    wrong = block("from dataclasses import dataclass\n\nimport numpy")
    Path("gelu.py").write_text(wrong)
    assert main(["check", "gelu.py"]) == 1
    (told,) = faults(capsys.readouterr().out)
    assert told in PAGE

    line = block("dx = dy").rstrip()
    right = re.sub(r"^        dx = .*$", line.replace("\\", "\\\\"), wrong, flags=re.M)
    assert right != wrong
    Path("gelu.py").write_text(right + "\n\n" + block("@bp.custom.pytorch(MyGELU)"))
    assert main(["check", "gelu.py"]) == 0
    assert "all 90 comparisons agree" in capsys.readouterr().out


def test_the_optimizer(capsys):
    head = "from dataclasses import dataclass\nfrom typing import ClassVar\n"
    head += "import backproof as bp\nfrom backproof.optim import Optimizer\n"
    code = head + block("@dataclass(frozen=True, kw_only=True)")
    Path("opt.py").write_text(code)
    assert main(["check", "opt.py"]) == 0
    capsys.readouterr()
    Path("opt.py").write_text(code + "\n\n" + block("@bp.custom.formula(HeavyBall)"))
    assert main(["check", "opt.py"]) == 0
    capsys.readouterr()
    Path("opt.py").write_text(code.replace("* v + g", "* v + (1 - o.momentum) * g"))
    assert main(["check", "opt.py"]) == 1
    (told,) = faults(capsys.readouterr().out)
    assert told in PAGE


def test_the_calls_from_python():
    page = (DOCS / "checking.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    short = code.replace('["numpy", "torch"])', '["numpy", "torch"], [Conv2d], seeds=(0,))')
    assert short != code
    exec(compile(short, "checking.md", "exec"), {})
