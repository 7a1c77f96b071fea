"""Every test that takes `engine` runs on each engine of the registry; what is not installed is skipped, by name."""

import pytest

from backproof.engines import ENGINES, Engine, get_engine, how_to_install, installed


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if not installed(request.param):
        pytest.skip(f"engine '{request.param}' is not installed: {how_to_install(request.param)}")
    return get_engine(request.param)


@pytest.fixture
def reference() -> Engine:
    return get_engine("reference")
