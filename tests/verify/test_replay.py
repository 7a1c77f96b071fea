"""A case or a step that differs is kept whole, and computed again from its file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faults import FAULTS

from backproof.engines import get_engine
from backproof.engines.reference import ReferenceEngine
from backproof.engines.reference.optimizers import UPDATES
from backproof.engines.reference.trainer import ReferenceTrainer
from backproof.errors import UserError
from backproof.ops import Linear
from backproof.optim import SGD, AdamW
from backproof.verify import check_ops, check_optimizers
from backproof.verify.core.location import Location
from backproof.verify.replay import ENOUGH, Keeper, read_failure, replay


class WrongTrainer(ReferenceTrainer):
    engine = "wrong"
    updates = {**UPDATES, AdamW: lambda o, w, g, lr, t, m, v: UPDATES[AdamW](o, w, g, lr, t + 1, m, v)}  # noqa: RUF012


class WrongEngine(ReferenceEngine):
    name = "wrong"
    trainer = WrongTrainer


def test_a_wrong_step(tmp_path):
    report = check_optimizers([WrongEngine()], [AdamW], dtypes=("float64",), keep=Keeper(tmp_path / "bad"))
    path = tmp_path / "bad" / "AdamW-wrong-float64-1.npz"
    assert report.first_failure.replay == f"backproof check replay {path}"
    assert 1 < len(list(path.parent.iterdir())) <= ENOUGH
    failure = read_failure(path)
    assert (failure.optimizer, failure.case.mode.step) == (AdamW(), 0)
    assert set(failure.state) == {"m/fc.weight", "m/fc.bias", "v/fc.weight", "v/fc.bias"}
    again = replay(path, [WrongEngine()])
    assert {f.what for f in again.failures} == {"weight", "bias"}
    assert replay(path, [get_engine("numpy"), get_engine("reference")]).passed


def test_a_later_check_keeps_files_of_its_own(tmp_path):
    folder = tmp_path / "wrong ones"
    first = check_optimizers([WrongEngine()], [AdamW], dtypes=("float64",), keep=Keeper(folder))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    second = check_optimizers([WrongEngine()], [AdamW], dtypes=("float64",), keep=Keeper(folder))
    number = len(before) + 1
    assert first.first_failure.replay == f"backproof check replay '{folder / 'AdamW-wrong-float64-1.npz'}'"
    assert second.first_failure.replay == f"backproof check replay '{folder / f'AdamW-wrong-float64-{number}.npz'}'"
    assert {path: path.read_bytes() for path in before} == before


def test_each_element_of_a_step_counts_by_its_own_size_again(tmp_path):
    check_optimizers([WrongEngine()], [AdamW], dtypes=("float64",), keep=Keeper(tmp_path))
    (path, *_) = tmp_path.iterdir()
    weight = np.logspace(-8, 6, 6)[np.newaxis]
    at, failure = Location("parameter", "weight"), read_failure(path)
    case = replace(failure.case, parameters={**failure.case.parameters, "fc.weight": weight})
    still = replace(failure, case=case, optimizer=SGD(lr=0.0), state={}, expected={at: weight})
    off = replace(still, expected={at: weight * [1 + 1e-9, 1, 1, 1, 1, 1]})
    passed = [replay(Path(Keeper(tmp_path)(f).split()[-1]), [get_engine("numpy")]).passed for f in (still, off)]
    assert passed == [True, False]


def test_a_wrong_output_is_no_error_of_right_engines(tmp_path):
    """Gradients behind a wrong output are compared with those of that output; what is kept belongs to the right one."""
    (fault,) = [f for f in FAULTS if str(f) == "Linear-WeightTransposed"]
    report = check_ops([fault.engine], [Linear], seeds=(0,), dtypes=("float64",), keep=Keeper(tmp_path))
    assert "output" in {f.what for f in report.failures}
    for path in tmp_path.iterdir():
        assert "output" in {f.what for f in replay(path, [fault.engine]).failures}
        again = replay(path, [get_engine("numpy"), get_engine("reference")])
        assert again.passed, again.failures


def test_an_array_that_an_engine_no_longer_gives_is_missing(tmp_path):
    check_optimizers([WrongEngine()], [AdamW], dtypes=("float64",), keep=Keeper(tmp_path))
    (path, *_) = tmp_path.iterdir()
    with np.load(path) as kept:
        arrays = {**kept, "expected/optimizer state/w/weight": np.zeros(1)}
    np.savez(path, **arrays)
    assert [f.detail for f in replay(path, [get_engine("numpy")]).failures] == ["optimizer state w/weight is missing"]


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04 and then something else", np.zeros(3), {}, {"name": "x"}]
)
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "other.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        np.savez(path, about=np.array(json.dumps(content)))
    else:
        with path.open("wb") as file:
            np.save(file, content)
    with pytest.raises(UserError, match="is no file that `backproof check --save` wrote"):
        read_failure(path)
