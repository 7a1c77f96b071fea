"""`make mutation`: change one thing at a time, and see whether `check` or a test finds it. See docs/mutation.md.

With `tests` on Python's path (`export PYTHONPATH=tests`):

    python -m mutation                          # every mutant of every room: hours; stop it, and it goes on
    python -m mutation --sample 50 optim train  # 50 of each of two rooms
    python -m mutation --survivors              # those again that survived, after tests were added
    python -m mutation --table                  # the figures so far
    python -m mutation --show engines/numpy     # what survived
"""

import argparse
import sys
from pathlib import Path

from mutation.rooms import ROOMS
from mutation.session import Session
from mutation.table import survivors, table


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rooms", nargs="*", help=f"{', '.join(ROOMS)}; all if none is given")
    parser.add_argument("--sample", type=int, help="how many mutants of each room, always the same ones")
    parser.add_argument("--files", default="", help="only of files whose path contains this")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(".mutation"), help="where the session is kept")
    parser.add_argument("--survivors", action="store_true", help="try again what survived")
    parser.add_argument("--check", action="store_true", help="ask `check` alone: what it does not find has survived")
    parser.add_argument("--quick", action="store_true", help="ask `check` with one seed and in float64 alone")
    parser.add_argument("--record", action="store_true", help="find out anew which checks and tests reach what")
    parser.add_argument("--table", action="store_true", help="only print the figures")
    parser.add_argument("--show", action="store_true", help="only print what survived")
    options = parser.parse_args(arguments)
    for room in options.rooms:
        if room not in ROOMS:
            parser.error(f"there is no room '{room}'; there are {', '.join(ROOMS)}")
    rooms = options.rooms or list(ROOMS)
    root = Path(__file__).resolve().parents[2]
    with Session(root, options.folder, rooms, quick=options.quick) as session:
        if not options.table and not options.show:
            kinds = ("check",) if options.check else ("check", "tests")
            session.run(options.workers, options.sample, options.files, options.survivors, options.record, kinds)
        print(survivors(session) if options.show else table(session))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
