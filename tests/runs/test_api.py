"""backproof from Python."""

import subprocess
import sys

import pytest

import backproof as bp


def test_names_are_all_there() -> None:
    for name in bp.__all__:
        assert getattr(bp, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = bp.trian


@pytest.mark.parametrize("first", ["import backproof.train.events", "from backproof.compare import comparison", "pass"])
def test_functions_are_not_hidden_by_rooms(first: str) -> None:
    code = f"{first}\nimport backproof as bp\nassert bp.train.__module__ == bp.compare.__module__ == 'backproof.api'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_train_compare_resume(tmp_path) -> None:
    small = {"runs_dir": str(tmp_path), "layers": [8], "select": "0-99"}
    a = bp.train(**small, epochs=2)
    b = bp.train(bp.spec(**small, epochs=2, engine="reference", dtype="float64", batch_size="full"))
    assert (a.status, b.status) == ("finished", "finished")
    assert [run.name for run in bp.compare(a, b.path).runs] == ["mlp-numpy", "mlp-reference"]
    assert len(bp.resume(a, epochs=3).epochs()) == 3
    assert len(bp.resume(str(a.path), epochs=4).epochs()) == 4
    with pytest.raises(bp.UserError, match="unknown option 'epoch'; did you mean epochs"):
        bp.train(epoch=3)
    with pytest.raises(bp.UserError, match="takes a spec or options, not both"):
        bp.train(bp.spec(), epochs=3)
