"""One pass through the data pipeline, timed: `python -m backproof.bench.pipeline`, options on standard input.

A process of its own for each pass, because the data that were loaded last stay in memory.
"""

import json
import pickle
import sys
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import msgspec

from backproof.data import AugmentationOptions, Batches, DataOptions, PreprocessingOptions, load
from backproof.errors import UserError
from backproof.peak_memory import peak_memory_mb

LOAD, BATCHES, AUGMENTED = "load", "batches", "batches, augmented"


def stages(request: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds and samples of loading, and of an epoch of batches, plain and augmented."""
    data = msgspec.convert(request["data"], DataOptions)
    augmentation = msgspec.convert(request["augmentation"], AugmentationOptions)
    start = perf_counter()
    partitions = load(data, msgspec.convert(request["preprocessing"], PreprocessingOptions))
    seconds = {LOAD: perf_counter() - start}
    samples = {LOAD: len(partitions.train) + len(partitions.dev) + len(partitions.test)}
    plain = AugmentationOptions()
    for stage, options in {BATCHES: plain, AUGMENTED: augmentation}.items():
        if stage == BATCHES or options != plain:
            batches = Batches(
                partitions.train,
                batch_size=request["batch_size"],
                augmentation=options,
                data_seed=data.data_seed,
            )
            start = perf_counter()
            for _ in batches.epoch(1):
                pass
            seconds[stage], samples[stage] = perf_counter() - start, batches.samples_per_epoch
    return {"seconds": seconds, "samples": samples, "peak_memory_mb": peak_memory_mb()}


def main() -> int:
    """Answer with one line of JSON."""
    try:
        answer = stages(json.load(sys.stdin))
    except UserError as error:
        answer = {"error": pickle.dumps(error).hex()}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
