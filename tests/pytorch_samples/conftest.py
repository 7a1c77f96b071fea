"""Every test that takes `engine` runs on each engine that trains; what is not installed is skipped, by name."""

import sys
from pathlib import Path

import pytest

from backproof.engines import ENGINES, Engine, get_engine, how_to_install, installed

sys.path.append(str(Path(__file__).parents[1]))  # so that the tests find the modules beside them as `pytorch_samples`


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if not installed(request.param):
        pytest.skip(f"engine '{request.param}' is not installed: {how_to_install(request.param)}")
    found = get_engine(request.param)
    if not found.capabilities.trains:
        pytest.skip(f"engine '{request.param}' cannot train")
    return found
