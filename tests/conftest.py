"""What all tests share."""

import os
from collections.abc import Iterator

import pytest

import backproof.ops  # noqa: F401  (fills the registry)
from backproof.graph import OPERATIONS
from backproof.user_file import EXECUTED, FORGETTERS

# A test compiles far more than it computes: XLA need not optimise. It reads this when JAX starts.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """XLA compiles each sample of an operation anew, which takes a quarter of a second.

    So the quick tests of the jax engine take the first sample of each operation, and `-m slow` takes all others.
    """
    first = {next(iter(op.samples())) for op in OPERATIONS.values()}
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if parameters.get("engine") == "jax" and parameters.get("sample", None) not in {None, *first}:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _no_custom_parts() -> Iterator[None]:
    """What users' files have entered into registries is taken out after each test."""
    yield
    for source in EXECUTED.values():
        for forget in FORGETTERS:
            forget(source.module.__name__)
    EXECUTED.clear()
