"""The inference engine of docs/how-to/add-an-engine.md: its text is a whole engine, with one line in the registry."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from backproof.engines import ENGINES, Engine, get_engine
from backproof.engines.registry import Entry
from backproof.errors import UserError
from backproof.graph import Graph, Sequential, Shape, initial_parameters
from backproof.ops import Linear, ReLU, Tanh
from backproof.verify import check_ops

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-engine.md"


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> Engine:
    text = PAGE.read_text()
    (code,) = re.findall(r'```python\n("""The half engine.*?)```', text, re.DOTALL)
    module = ModuleType("half_engine")
    monkeypatch.setitem(sys.modules, "half_engine", module)
    exec(code, module.__dict__)
    monkeypatch.setitem(ENGINES, "half", Entry("half_engine:HalfEngine", "numpy", "", "16 bits, for inference"))
    return get_engine("half")


def chain() -> Graph:
    return Sequential(Linear(5), ReLU(), Linear(2)).build(Shape("N", 3))


def test_it_predicts(half: Engine) -> None:
    graph, x = chain(), np.random.default_rng(0).standard_normal((4, 3))
    weights = initial_parameters(graph)
    predictor = half.compile(graph, weights)
    exact = get_engine("reference").compile(graph, weights, dtype="float64").forward({"x": x})[graph.output]
    found = predictor.forward({"x": x}, want=["1"])
    assert found[graph.output].dtype == np.float32
    assert 0 < np.abs(found[graph.output] - exact).max() < 0.01
    assert found["1"].min() == 0
    assert not half.capabilities.trains


def test_it_says_what_it_lacks(half: Engine) -> None:
    graph = Sequential(Linear(2), Tanh()).build(Shape("N", 3))
    with pytest.raises(UserError, match=r"engine 'half' has no kernel for '1' \(Tanh\)"):
        half.compile(graph, initial_parameters(graph))


def test_it_is_checked_and_found_approximate(half: Engine) -> None:
    report = check_ops([half], [Linear], dtypes=["float32"], seeds=[0])
    assert not report.passed, "16 bits are not 32"
    assert {str(finding.what) for finding in report.failures} <= {"output", "loss"}


def test_it_predicts_with_the_weights_of_a_run(half: Engine, tmp_path: Path) -> None:
    import backproof as bp

    model = tmp_path / "chain.py"
    model.write_text(
        "from backproof.graph import Sequential\n"
        "from backproof.ops import Linear, ReLU\n\n\n"
        "def chain(shape, classes):\n"
        "    return Sequential(Linear(5), ReLU(), Linear(classes)).build(shape)\n"
    )
    options = {"model": f"{model}:chain", "select": "0-60", "flatten": True, "epochs": 1}
    run = bp.train(dataset="digits", runs_dir=str(tmp_path), **options)
    x = {"x": np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)}
    found = run.predictor(engine="half").forward(x)
    expected = run.predictor().forward(x)
    assert found.keys() <= expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=0.02)


def test_it_is_not_trained(half: Engine, tmp_path: Path) -> None:
    import backproof as bp

    with pytest.raises(UserError, match="'half' cannot train"):
        bp.train(dataset="digits", model="mlp", engine="half", runs_dir=str(tmp_path))
