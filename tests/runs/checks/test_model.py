"""A large run is checked on few samples, and its gradients by numbers node by node."""

from collections.abc import Iterator

import numpy as np
import pytest

from backproof.engines import get_engine
from backproof.engines.numpy.kernels import KERNELS
from backproof.ops import BatchNorm
from backproof.runs.checks import model
from backproof.runs.checks.case import case_of_run
from backproof.runs.checks.model import check_run, few_samples
from backproof.runs.launch import run


@pytest.fixture
def trained(make_spec) -> Iterator:
    return run(make_spec(model="resnet", model_option=("blocks=1,1", "width=4", "stem=small"), layers=None, epochs=1))


def quietly(_: str) -> None:
    pass


def test_few_samples_of_a_large_batch(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    case, _ = case_of_run(trained, 2)
    assert few_samples(case) is case
    monkeypatch.setattr(model, "WORK", 1.0)
    few = few_samples(case)
    assert [len(batch["x"]) for batch in few.batches] == [4, 4]
    assert all(np.array_equal(ours["x"], all_["x"][:4]) for ours, all_ in zip(few.batches, case.batches, strict=True))
    assert few.title == f"{case.title}, 4 of 9 samples a batch"


def test_gradients_node_by_node_where_the_network_is_large(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "SWEEP", 1.0)
    heard: list[str] = []
    *_, numbers = check_run(trained, ["numpy"], dtype="float64", steps=1, say=heard.append)
    assert numbers.passed, numbers.failures
    subjects = {finding.subject for finding in numbers.findings}
    assert {"conv1.weight", "layer2.0.bn1.bias", "relu into layer1.0.conv1", "fc.weight", "fc into loss"} <= subjects
    assert any(text.startswith("finite differences: conv1, 1 of ") for text in heard)


def test_a_wrong_gradient_is_found_node_by_node(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(type(KERNELS[BatchNorm])):
        def backward(self, op, dy, saved, p, g, call):
            result = super().backward(op, dy, saved, p, g, call)
            g["weight"] *= 1 + 1e-5
            return result

    monkeypatch.setitem(KERNELS, BatchNorm, Wrong())
    monkeypatch.setattr(model, "SWEEP", 1.0)
    *_, numbers = check_run(trained, ["numpy"], dtype="float64", steps=1, say=quietly)
    assert {finding.subject.rsplit(".", 1)[1] for finding in numbers.failures} == {"weight"}
    assert {type(trained.graph.node[f.subject.rsplit(".", 1)[0]].op) for f in numbers.failures} == {BatchNorm}


def test_threads_are_as_before(trained) -> None:
    before = get_engine("numpy").info().details["threads"]
    check_run(trained, ["numpy"], dtype="float64", steps=1, say=quietly)
    assert get_engine("numpy").info().details["threads"] == before
