"""The house holds: imports point one way, and what is heavy is loaded only where it is used."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = {
    "torch",
    "jax",
    "numba",
    "sklearn",
    "scipy",
    "PIL",
    "plotly",
    "pyinstrument",
    "safetensors",
    "pandas",
    "matplotlib",
}


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `code`."""
    report = "; import sys, json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    run = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_import_arrows() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_importing_backproof_loads_nothing_heavy() -> None:
    assert not loaded_after("import backproof") & (HEAVY | {"rich", "cyclopts"})


def test_help_loads_nothing_heavy() -> None:
    code = "from backproof.cli import main; assert main(['--help']) == 0"
    assert not loaded_after(code) & (HEAVY | {"numpy"})


def test_engines_are_imported_one_by_one() -> None:
    code = "from backproof.engines.registry import get_engine; get_engine('numpy'); get_engine('reference')"
    assert not {"torch", "jax"} & loaded_after(code)
