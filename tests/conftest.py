"""What all tests share."""

import os
from collections.abc import Iterator

import pytest

from backproof.user_file import EXECUTED, FORGETTERS

# A test compiles far more than it computes: XLA need not optimise. It reads this when JAX starts.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")


@pytest.fixture(autouse=True)
def _no_custom_parts() -> Iterator[None]:
    """What users' files have entered into registries is taken out after each test."""
    yield
    for source in EXECUTED.values():
        for forget in FORGETTERS:
            forget(source.module.__name__)
    EXECUTED.clear()
