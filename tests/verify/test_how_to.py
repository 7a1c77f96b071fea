"""The how-to pages are true: their code is run, in the files that they name, and passes the checks they promise."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import backproof.ops
from backproof.engines import ENGINES, Mode, get_engine, installed
from backproof.graph import OPERATIONS, Sequential, Shape, initial_parameters
from backproof.ops import Linear, SoftmaxCrossEntropy, Tanh
from backproof.optim import OPTIMIZERS
from backproof.verify import check_gradients, check_ops, check_optimizers, check_trajectory
from backproof.verify.core.case import make_case

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def run_page(page: str, *names: str) -> dict:
    """Run every block of a page among the names of the file that stands above it; return what `names` became."""
    made: dict = {}
    blocks = re.findall(r"^`src/(\S+)\.py`.*?:\n\n```python\n(.*?)```", (PAGES / page).read_text(), re.M | re.S)
    assert len(blocks) == 5
    for path, code in blocks:
        if any(f"/{engine}/" in path and not installed(engine) for engine in ENGINES):
            continue
        exists = (Path(backproof.__file__).parents[1] / f"{path}.py").exists()
        namespace = (dict(vars(import_module(path.replace("/", ".")))) if exists else {"__name__": "page"}) | made
        exec(compile(code, path, "exec"), namespace)
        made = {name: namespace[name] for name in names}
    return made


@pytest.fixture
def registries(monkeypatch):
    """The tables that the pages write into, put back afterwards."""
    tables = [OPERATIONS, OPTIMIZERS]
    for engine in (engine.name for engine in engines()):
        tables.append(import_module(f"backproof.engines.{engine}.kernels").KERNELS)
        optimizers = import_module(f"backproof.engines.{engine}.optimizers")
        tables.append(getattr(optimizers, "UPDATES", None) or optimizers.NATIVE)
    kept = [dict(table) for table in tables]
    yield
    for table, before in zip(tables, kept, strict=True):
        table.clear()
        table.update(before)


def engines():
    found = [get_engine(name) for name in ENGINES if installed(name)]
    return [engine for engine in found if engine.capabilities.trains]


def test_add_an_op(registries):
    Softsign = run_page("add-an-op.md", "Softsign")["Softsign"]
    assert OPERATIONS["Softsign"] is Softsign
    report = check_ops(engines(), [Softsign], seeds=(0,), dtypes=("float64",), contract=False)
    assert report.passed, report.failures
    assert report.skipped == ()
    for engine in engines():
        for sample in Softsign.samples():
            case = make_case(sample, 0)
            trainer = engine.compile(case.graph, case.parameters, dtype="float64")
            assert check_gradients(trainer, case.inputs, case.mode, rng=np.random.default_rng(0)).passed
            extreme = np.full(sample.shapes[0], 800.0)
            value = trainer.forward(case.inputs | {"x0": extreme}, Mode())["op"]
            np.testing.assert_allclose(value, 800 / 801, rtol=1e-15)


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
def test_add_an_optimizer(registries, decay):
    Lion = run_page("add-an-optimizer.md", "Lion")["Lion"]
    assert OPTIMIZERS["lion"] is Lion
    report = check_optimizers(engines(), [Lion])
    assert report.passed, report.failures
    graph = Sequential(Linear(5), Tanh(), Linear(3)).build(Shape("N", 4)).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    batches = [{"x": rng.standard_normal((6, 4)), "y": rng.integers(0, 3, 6)} for _ in range(20)]
    optimizer = Lion(lr=0.01, weight_decay=0.1, decay=decay)
    report = check_trajectory(
        graph, initial_parameters(graph), engines(), optimizer, batches, reference=get_engine("reference")
    )
    assert report.passed, report.failures
    assert max(map(max, report.growth.error.values())) < 1e-12
