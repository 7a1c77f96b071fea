"""What all tests share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backproof.user_file import EXECUTED, FORGETTERS

# A test compiles far more than it computes: XLA need not optimise. It reads this when JAX starts.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")


@pytest.fixture(autouse=True)
def _no_custom_parts() -> Iterator[None]:
    """What users' files have entered into registries is taken out after each test."""
    yield
    forget_users_files()


@pytest.fixture
def real_data() -> Path:
    """The folder of real datasets and weights, such as mnist/ and u2netp/; a test that needs it is skipped without."""
    where = os.environ.get("BACKPROOF_TEST_DATA")
    if not where:
        pytest.skip("BACKPROOF_TEST_DATA is not set: no real data here")
    return Path(where)


def forget_users_files() -> None:
    """As if this process had executed none."""
    for source in EXECUTED.values():
        files = {str(source.path), *map(str, source.beside)}
        written = [name for name, module in sys.modules.items() if getattr(module, "__file__", "") in files]
        for name in written:
            del sys.modules[name]
        for forget in FORGETTERS:
            for name in (source.module.__name__, *written):
                forget(name)
    EXECUTED.clear()
