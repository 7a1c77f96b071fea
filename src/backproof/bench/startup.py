"""How long it takes until something happens: import, help, and the first training step, each in fresh processes."""

import subprocess
import sys
from collections.abc import Sequence
from time import perf_counter, sleep

from backproof.bench.benchmark import PAUSE, Watch, load_average
from backproof.bench.measurement import Experiment, Measurement
from backproof.bench.process import pinned
from backproof.engines.registry import ENGINES, installed
from backproof.errors import OptionError, UserError

BARE = "python"

STARTS: dict[str, list[str]] = {
    BARE: ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import backproof": ["-c", "import backproof"],
    "backproof --help": ["-m", "backproof", "--help"],
}
"""What is started, as arguments of the interpreter; engines' first steps are added."""


def first_step(engine: str) -> None:
    """Build a perceptron and take one training step on 32 samples."""
    from backproof.bench.contenders import make
    from backproof.bench.job import TrainJob

    job = TrainJob(contender=engine, model="mlp", input_shape=(1, 28, 28), classes=10, batch_size=32, steps=1)
    make(job).first_loss()


def startup_experiment(engines: Sequence[str], *, rounds: int, watch: Watch | None = None) -> Experiment:
    """Seconds of wall time from the start of the interpreter to its end. The first round is the warm-up."""
    if rounds < 1:
        raise OptionError("{rounds} is {}; it must be 1 or more", rounds)
    starts = dict(STARTS)
    for engine in engines:
        code = f"from backproof.bench.startup import first_step; first_step('{engine}')"
        starts[f"first step, {engine}"] = ["-c", code]
    before = load_average()
    seconds: dict[str, list[float]] = {name: [] for name in starts}
    for number in range(rounds + 1):
        for name, arguments in starts.items():
            sleep(PAUSE)
            start = perf_counter()
            done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=pinned(1))
            seconds[name].append(perf_counter() - start)
            if done.returncode:
                raise UserError(f"'{name}' failed: {done.stderr.strip().splitlines()[-1]}")
            if watch is not None:
                watch(name, number, seconds[name][-1])
    return Experiment(
        name="startup",
        kind="startup",
        title="Start-up",
        note="Seconds from the start of a fresh interpreter to its end. The first step is of a small network, and has "
        "the import of its engine's library in it.",
        against=BARE,
        measurements=tuple(
            Measurement(
                contender=name,
                subject="start-up",
                part="start",
                settings={},
                seconds=tuple(times[1:]),
                warm_up=times[0],
            )
            for name, times in seconds.items()
        ),
        load=(*before, *load_average()),
    )


def installed_engines() -> list[str]:
    """Engines that can be started here."""
    return [name for name in ENGINES if installed(name)]
