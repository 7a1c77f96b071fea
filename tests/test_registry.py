"""Parts by name: built in, from users' files, and what is told when names meet."""

from pathlib import Path

import pytest

from backproof.errors import UserError
from backproof.graph import OPERATIONS, Op
from backproof.optim import OPTIMIZERS, Adam, Optimizer
from backproof.registry import Registry
from backproof.user_file import FORGETTERS, execute

LION = """
from backproof.optim import Optimizer
from backproof.optim.optimizer import optimizer

@optimizer
class Lion(Optimizer):
    rate_of_file = {0}
"""


@pytest.fixture(autouse=True)
def optimizers():
    """The table as it was."""
    before = dict(OPTIMIZERS)
    yield
    for name in OPTIMIZERS.keys() - before.keys():
        del OPTIMIZERS[name]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_built_in_and_custom(tmp_path):
    path = write(tmp_path / "a.py", LION.format(1))
    Lion = OPTIMIZERS.require(f"{path}:Lion")
    assert OPTIMIZERS.require("lion") is Lion
    assert issubclass(Lion, Optimizer)
    assert OPTIMIZERS.is_custom("lion")
    assert not OPTIMIZERS.is_custom("adam")
    assert "lion" not in OPTIMIZERS.built_in
    assert OPTIMIZERS.built_in["adam"] is Adam


def test_a_file_is_executed_once_until_it_changes(tmp_path):
    path = write(tmp_path / "a.py", LION.format(1))
    first = OPTIMIZERS.require(f"{path}:Lion")
    assert OPTIMIZERS.require(f"{tmp_path}/../{tmp_path.name}/a.py:Lion") is first
    write(path, LION.format(2))
    second = OPTIMIZERS.require(f"{path}:Lion")
    assert (first.rate_of_file, second.rate_of_file) == (1, 2)
    assert OPTIMIZERS["lion"] is second
    write(path, "")
    with pytest.raises(UserError, match=r"a.py' has no optimizer"):
        OPTIMIZERS.require(f"{path}:Lion")
    assert "lion" not in OPTIMIZERS


def test_a_file_that_fails_leaves_nothing(tmp_path):
    path = write(tmp_path / "a.py", LION.format(1) + "raise SystemExit('enough')\n")
    with pytest.raises(UserError, match=r"^'a.py', line 8: SystemExit: enough$"):
        execute(path, "'a.py'")
    assert "lion" not in OPTIMIZERS


def test_names_that_meet(tmp_path):
    write(tmp_path / "a.py", LION.format(1))
    write(tmp_path / "b.py", LION.format(2))
    write(tmp_path / "c.py", LION.replace("Lion", "Adam").format(3))
    OPTIMIZERS.require(f"{tmp_path}/a.py:Lion")
    with pytest.raises(UserError, match=r"two optimizers are called 'lion', in .*a.py and in .*b.py; rename one"):
        OPTIMIZERS.require(f"{tmp_path}/b.py:Lion")
    with pytest.raises(UserError, match=r"line 5: optimizer 'adam' is one of backproof's own; give yours another name"):
        OPTIMIZERS.require(f"{tmp_path}/c.py:Adam")
    assert OPTIMIZERS["adam"] is Adam


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("none.py:Lion", r"optimizer '.*none.py:Lion': there is no file"),
        ("a.py", r"says only the file; write .*a.py:NAME with one of: Lion"),
        ("a.py:Lyon", r"unknown optimizer of '.*a.py' 'Lyon'; did you mean Lion\?"),
        ("a.py:Optimizer", "unknown optimizer of"),
    ],
)
def test_references_that_lead_nowhere(tmp_path, reference, sentence):
    write(tmp_path / "a.py", LION.format(1))
    with pytest.raises(UserError, match=sentence):
        OPTIMIZERS.require(f"{tmp_path}/{reference}")


def test_a_notebook_cell_run_again_replaces_what_it_made():
    registry: Registry[type[Op]] = Registry("operation")
    try:
        for _ in range(2):
            cell = type("Mine", (Op,), {"__module__": "__main__"})
            registry.add("Mine", cell)
            assert registry["Mine"] is cell
    finally:
        FORGETTERS.remove(registry.forget)
    assert "Mine" not in OPERATIONS
