"""Which lines and branches of the hand-written engines `backproof check` takes, and which ways.

`python tests/verify/run_under_coverage.py OUT.json` is a process of its own: Numba's loops are plain Python in it, so
that their lines are seen, and no module of the engines is imported before coverage looks on.
"""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

WATCHED = (
    "*/backproof/engines/numpy/*",
    "*/backproof/engines/numba/*",
    "*/backproof/engines/sweep.py",
    "*/backproof/optim/*",
)

ENGINES = ("numpy", "numba")


def main(out: Path) -> None:
    """Check all but models, and write what coverage says of each file, and the ways of each engine."""
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    from coverage import Coverage

    coverage = Coverage(branch=True, include=WATCHED, data_file=None, config_file=False)
    coverage.start()
    from dataclasses import replace

    from backproof.verify.core.finding import CheckReport
    from backproof.verify.everything import carry_out, everything

    plan = replace(everything(ENGINES), models=(), seeds=1)
    report = CheckReport.joined("all", [part for _, part in carry_out(plan)])
    coverage.stop()
    with TemporaryDirectory() as folder:
        written = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(written))
        files = json.loads(written.read_text())["files"]
    found = {
        "files": {
            name: {key: file[key] for key in ("missing_lines", "missing_branches")} for name, file in files.items()
        },
        "branches": sum(file["summary"]["num_branches"] for file in files.values()),
        "statements": sum(file["summary"]["num_statements"] for file in files.values()),
        "ways": report.ways,
        "failures": [str(f) for f in report.failures],
    }
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
