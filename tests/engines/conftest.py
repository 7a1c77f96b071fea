"""Every test that takes `engine` runs on each engine that trains, one that takes `any_engine` on all of the registry.

What is not installed is skipped, by name.
"""

import pytest

from backproof.engines import ENGINES, Engine, get_engine, how_to_install, installed


@pytest.fixture(params=ENGINES)
def any_engine(request: pytest.FixtureRequest) -> Engine:
    if not installed(request.param):
        pytest.skip(f"engine '{request.param}' is not installed: {how_to_install(request.param)}")
    return get_engine(request.param)


@pytest.fixture
def engine(any_engine: Engine) -> Engine:
    if not any_engine.capabilities.trains:
        pytest.skip(f"engine '{any_engine.name}' cannot train")
    return any_engine


@pytest.fixture
def reference() -> Engine:
    return get_engine("reference")
