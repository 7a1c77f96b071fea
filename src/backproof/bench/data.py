"""How fast the data pipeline is: images a second of reading, preprocessing, the cache, batches and augmentation."""

import json
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backproof.bench.benchmark import Watch, load_average
from backproof.bench.measurement import Experiment, Measurement
from backproof.bench.pipeline import LOAD
from backproof.bench.process import pinned
from backproof.data import AugmentationOptions, DataOptions, PreprocessingOptions
from backproof.errors import OptionError, UserError

COLD, WARM = "read and preprocess", "take from the cache"


def data_experiment(
    data: DataOptions,
    preprocessing: PreprocessingOptions,
    augmentation: AugmentationOptions,
    *,
    batch_size: int,
    rounds: int,
    watch: Watch | None = None,
) -> Experiment:
    """Each round has a cache folder of its own: one process fills it, a second one finds it full. Round 0 is warm-up.

    Raises `UserError` for data that cannot be loaded.
    """
    if rounds < 1:
        raise OptionError("{rounds} is {}; it must be 1 or more", rounds)
    before = load_average()
    request = {
        "preprocessing": asdict(preprocessing),
        "augmentation": asdict(augmentation),
        "batch_size": batch_size,
    }
    seconds: dict[str, list[float]] = {}
    samples: dict[str, int] = {}
    peak = 0.0
    for number in range(rounds + 1):
        with TemporaryDirectory(prefix="backproof-bench-") as cache:
            request["data"] = asdict(replace(data, cache_dir=cache))
            cold = _pass(request)
            kept = any(Path(cache).iterdir())
            warm = _pass(request)
        times, counts = dict(warm["seconds"]), dict(warm["samples"])
        loaded = times.pop(LOAD)
        stages = {COLD: cold["seconds"][LOAD], **({WARM: loaded} if kept else {}), **times}
        samples = {COLD: counts[LOAD], WARM: counts.pop(LOAD), **counts}
        for stage, taken in stages.items():
            seconds.setdefault(stage, []).append(taken)
        peak = max(peak, cold["peak_memory_mb"], warm["peak_memory_mb"])
        if watch is not None:
            watch("pipeline", number, sum(stages.values()))
    return Experiment(
        name="data",
        kind="data",
        title=f"Data pipeline on {data.dataset}",
        note="Images a second. Files that the system has read lately come from its memory, not from the disk."
        + ("" if kept else " This dataset with these options is one array already: nothing is put into the cache."),
        against="",
        measurements=tuple(
            Measurement(
                contender=stage,
                subject=data.dataset,
                part="pass",
                settings={"batch size": batch_size},
                seconds=tuple(times[1:]),
                warm_up=times[0],
                peak_memory_mb=peak,
                samples=samples[stage],
            )
            for stage, times in seconds.items()
        ),
        load=(*before, *load_average()),
    )


def _pass(request: dict[str, Any]) -> dict[str, Any]:
    """What `backproof.bench.pipeline` answers."""
    done = subprocess.run(
        [sys.executable, "-m", "backproof.bench.pipeline"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=pinned(1),
    )
    if done.returncode:
        raise UserError(f"the data pipeline ended early: {done.stderr.strip().splitlines()[-1]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "error" in answer:
        raise pickle.loads(bytes.fromhex(answer["error"]))
    return answer
