"""What a profile tells, and what it cannot."""

import pytest

from backproof.runs import profile
from backproof.runs.launch import run
from backproof.runs.profile import NodeTimes
from backproof.train.events import Observer, RunStarted


def test_times_go_to_their_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10, 12, 12, 17, 17, 20, 26, 30])
    monkeypatch.setattr(profile, "perf_counter", lambda: next(clock))
    times = NodeTimes()
    times.lap()  # at 10
    times("a", "forward", None)  # 10 to 12
    times("b", "forward", None)  # 12 to 17
    times("b", "backward", None)  # from 20
    times("a", "backward", None)  # from 26
    times.lap()  # at 30
    assert times.forward == {"a": 2, "b": 5}
    assert times.backward == {"b": 6, "a": 4}


def test_an_engine_that_cannot_tell(make_spec) -> None:
    pytest.importorskip("torch")
    notes: list[str] = []

    class Keep(Observer):
        def run_started(self, event: RunStarted) -> None:
            notes.extend(event.notes)

    done = run(make_spec(engine="torch", profile=True, epochs=1), [Keep()])
    assert notes == ["profile: engine 'torch' does not measure the time of each node; no profile.json"]
    assert (done.path / "profile.html").exists()
    assert not (done.path / "profile.json").exists()


def test_every_node_is_timed(make_spec) -> None:
    done = run(make_spec(profile=True, epochs=1, dropout=0.1))
    nodes = done.node_times()
    assert [n.node for n in nodes] == ["flatten", "fc1", "relu1", "dropout1", "fc2", "loss"]
    assert all(n.calls == 50 for n in nodes)
    assert all(n.backward_s > 0 for n in nodes[1:])
