"""Every test that takes `engine` runs on each engine of the registry; what is not installed is skipped, by name."""

import pytest

import backproof.ops  # noqa: F401  (fills the registry)
from backproof.engines import ENGINES, Engine, get_engine, how_to_install, installed
from backproof.graph import OPERATIONS


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """XLA compiles each sample of an operation anew, a quarter of a second each.

    So the quick tests of the jax engine take the first sample of each operation, and `-m slow` takes all others.
    """
    first = {next(iter(op.samples())) for op in OPERATIONS.values()}
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if parameters.get("engine") == "jax" and parameters.get("sample", None) not in {None, *first}:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if not installed(request.param):
        pytest.skip(f"engine '{request.param}' is not installed: {how_to_install(request.param)}")
    return get_engine(request.param)


@pytest.fixture
def reference() -> Engine:
    return get_engine("reference")
