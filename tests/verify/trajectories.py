"""Whole trainings of right engines, drawn from seeds: how near they come to what rounding is said to explain.

`python tests/verify/trajectories.py 1000` prints what fails, and the table of docs/tolerances.md.
"""

import sys
from dataclasses import dataclass

import numpy as np

from backproof.engines import ENGINES, DType, get_engine, installed, reference_engine
from backproof.graph import Graph, Shape, initial_parameters
from backproof.models import build
from backproof.ops import SoftmaxCrossEntropy
from backproof.optim import OPTIMIZERS, Optimizer
from backproof.verify import check_trajectory

COMPILED = 10
"""Every so many seeds, JAX is among the engines: it compiles each network anew, for seconds."""

CAPABLE = {name: get_engine(name).capabilities for name in ENGINES if installed(name)}
NAMES = [name for name, can in CAPABLE.items() if can.trains and can.speed == "fast"]

CLASSES = 3


@dataclass(frozen=True)
class Training:
    """What one seed draws."""

    graph: Graph
    parameters: dict[str, np.ndarray]
    optimizer: Optimizer
    batches: list[dict[str, np.ndarray]]
    seed: int

    def __str__(self) -> str:
        samples = len(self.batches[0]["y"])
        layers = ", ".join(type(node.op).__name__ for node in self.graph.nodes)
        return f"seed {self.seed}: {len(self.batches)} steps of {samples} samples, {self.optimizer}, {layers}"


def training(seed: int) -> Training:
    """Another network, batch, optimizer, rate, decay and data from each seed."""
    rng = np.random.default_rng(seed)
    graph, shape = network(rng)
    kind = OPTIMIZERS.built_in[str(rng.choice(sorted(OPTIMIZERS.built_in)))]
    decay = {"weight_decay": 0.01, "decay": str(rng.choice(["coupled", "decoupled"]))} if rng.random() < 0.3 else {}
    optimizer = kind(lr=kind().lr * float(np.exp(rng.uniform(np.log(0.3), np.log(3)))), **decay)
    centres = rng.standard_normal((CLASSES, *shape))
    samples, batches = int(rng.integers(2, 33)), []
    for _ in range(int(rng.integers(5, 16))):
        y = rng.integers(0, CLASSES, samples)
        batches.append({"x": (centres[y] + rng.standard_normal((samples, *shape))).astype(np.float32), "y": y})
    return Training(graph, initial_parameters(graph, seed), optimizer, batches, seed)


def network(rng: np.random.Generator) -> tuple[Graph, tuple[int, ...]]:
    """A small network of one of the kinds that people train, and the shape of its samples."""
    name = str(rng.choice(["one_layer", "mlp", "cnn", "lenet5", "resnet"]))
    options: dict[str, object] = {}
    shape: tuple[int, ...] = {"cnn": (1, 8, 8), "lenet5": (1, 12, 12), "resnet": (2, 6, 6)}.get(name, (5,))
    if name == "mlp":
        layers = tuple(int(n) for n in rng.integers(2, 9, rng.integers(1, 4)))
        options = {"layers": layers, "batch_norm": bool(rng.random() < 0.6), "dropout": float(rng.choice([0, 0.3]))}
    if name == "resnet":
        options = {"blocks": (1, 1), "width": 2, "stem": "small"}
    return build(name, Shape("N", *shape), CLASSES, options).with_loss(SoftmaxCrossEntropy()), shape


def follow(seed: int, dtype: DType) -> tuple[list[str], dict[str, float], int]:
    """What fails, the worst error of each engine in units of its tolerance, and how many steps there were."""
    drawn = training(seed)
    names = [*NAMES, *(["jax"] if seed % COMPILED == 0 and installed("jax") else [])]
    report = check_trajectory(
        drawn.graph,
        drawn.parameters,
        [get_engine(name) for name in names],
        drawn.optimizer,
        drawn.batches,
        reference=reference_engine(vectorised=True),
        seed=seed,
        dtype=dtype,
    )
    worst = {name: max(f.badness for f in report.findings if f.engine == name) for name in report.engines}
    return [f"{drawn}: {f}" for f in report.failures[:1]], worst, len(drawn.batches)


def over_seeds(seeds: range) -> tuple[list[str], dict[str, np.ndarray], int]:
    """All of them in both dtypes, in processes: what fails, and by dtype and engine the worst of each training."""
    from joblib import Parallel, delayed

    tasks = [(seed, dtype) for seed in seeds for dtype in ("float64", "float32")]
    parallel = Parallel(n_jobs=-1, return_as="generator")  # LOKY_MAX_CPU_COUNT limits it
    failures, steps, ratios = list[str](), 0, dict[str, list[float]]()
    for (seed, dtype), (found, worst, taken) in zip(tasks, parallel(delayed(follow)(*t) for t in tasks), strict=True):
        for name, ratio in worst.items():
            ratios.setdefault(f"{dtype}, {name}", []).append(ratio)
        failures, steps = [*failures, *found], steps + taken
        if (found or seed % 50 == 0) and dtype == "float32":
            print(seed, *found, file=sys.stderr, flush=True)
    return failures, {who: np.array(r) for who, r in ratios.items()}, steps


def main() -> None:
    """Print what fails, and for each engine and dtype how large error / tolerance is."""
    first, last = (0, int(sys.argv[1])) if len(sys.argv) == 2 else map(int, sys.argv[1:3])
    failures, ratios, steps = over_seeds(range(first, last))
    print("\n".join(failures) or "no false alarm", f"\n{steps:,} steps")
    print("| who | trainings | median | 99 % | worst |\n|---|---|---|---|---|")
    for who, r in sorted(ratios.items()):
        print(f"| {who} | {len(r):,} | " + " | ".join(f"{np.quantile(r, q):.2g}" for q in (0.5, 0.99, 1)) + " |")


if __name__ == "__main__":
    main()
