"""A step of an optimizer that differs is kept whole, and computed again from its file."""

from backproof.engines import get_engine
from backproof.engines.reference import ReferenceEngine
from backproof.engines.reference.optimizers import UPDATES
from backproof.engines.reference.session import ReferenceSession
from backproof.optim import AdamW
from backproof.verify import check_optimizers
from backproof.verify.replay import ENOUGH, Keeper, read_failure, replay


class WrongSession(ReferenceSession):
    engine = "wrong"
    updates = {**UPDATES, AdamW: lambda o, w, g, lr, t, m, v: UPDATES[AdamW](o, w, g, lr, t + 1, m, v)}  # noqa: RUF012


class WrongEngine(ReferenceEngine):
    name = "wrong"
    session = WrongSession


def test_a_wrong_step(tmp_path):
    report = check_optimizers([WrongEngine()], [AdamW], dtypes=("float64",), keep=Keeper(tmp_path / "bad"))
    path = tmp_path / "bad" / "AdamW-wrong-float64-1.npz"
    assert report.first_at_fault.replay == f"backproof check replay {path}"
    assert 1 < len(list(path.parent.iterdir())) <= ENOUGH
    failure = read_failure(path)
    assert (failure.optimizer, failure.mode.step) == (AdamW(), 0)
    assert set(failure.state) == {"m/fc.weight", "m/fc.bias", "v/fc.weight", "v/fc.bias"}
    again = replay(path, [WrongEngine()])
    assert {f.what for f in again.failures} == {"weight", "bias"}
    assert replay(path, [get_engine("numpy"), get_engine("reference")]).passed
