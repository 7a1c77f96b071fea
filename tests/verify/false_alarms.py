"""How close right engines come to the tolerances, over many random seeds.

`python tests/verify/false_alarms.py 1000` prints the table of docs/tolerances.md.
"""

import os
import sys

import numpy as np

from backproof.engines import ENGINES, get_engine, installed
from backproof.verify.operations.check import check_ops

NAMES = [name for name in ENGINES if installed(name) and name != "jax" and get_engine(name).capabilities.trains]
"""JAX compiles every sample anew, for seconds each; its own tests hold it against the others."""

BLOCK = 20
"""Seeds that a process is given at a time."""

Findings = tuple[list[str], dict[str, np.ndarray]]


def parity(first: int, last: int) -> Findings:
    """Every operation, engine and dtype, from seeds `first` to before `last`: what fails, and error / tolerance."""
    engines = [get_engine(name) for name in NAMES if name != "reference"]
    report = check_ops(engines, seeds=range(first, last), contract=False)
    ratios: dict[str, list[float]] = {}
    for f in report.findings:
        if f.tolerance and f.verdict != "skipped":
            ratios.setdefault(f"{f.dtype}, {f.engine}", []).append(f.error / f.tolerance)
    return [str(f) for f in report.failures], {who: np.array(r, np.float32) for who, r in ratios.items()}


def numbers(seed: int, engine: str) -> Findings:
    """The gradients of every operation in one engine against finite differences, and the contract."""
    one = get_engine(engine)
    report = check_ops([one], seeds=[seed], dtypes=["float64"], reference=one)
    ratios = [
        f.error / f.tolerance for f in report.findings if f.reference == "finite differences" and f.verdict != "skipped"
    ]
    return [str(f) for f in report.failures], {f"finite differences, {engine}": np.array(ratios, np.float32)}


def joined(parts: list[Findings]) -> Findings:
    """One of many."""
    failures = [failure for found, _ in parts for failure in found]
    names = dict.fromkeys(who for _, ratios in parts for who in ratios)
    return failures, {who: np.concatenate([ratios[who] for _, ratios in parts if who in ratios]) for who in names}


def over_seeds(count: int) -> Findings:
    """Parity from `count` seeds, and a gradient check from every tenth of them, engine after engine; in processes."""
    from joblib import Parallel, delayed

    tasks = [delayed(parity)(first, min(first + BLOCK, count)) for first in range(0, count, BLOCK)]
    tasks += [delayed(numbers)(seed, NAMES[seed // 10 % len(NAMES)]) for seed in range(0, count, 10)]
    return joined(Parallel(n_jobs=os.cpu_count())(tasks))


def main() -> None:
    """Print what fails, and for each engine and dtype how large error / tolerance is."""
    failures, ratios = over_seeds(int(sys.argv[1]))
    print("\n".join(failures) or "no false alarm")
    print("| who | comparisons | median | 99 % | 99.9 % | worst |\n|---|---|---|---|---|---|")
    for who, r in ratios.items():
        shares = " | ".join(f"{np.quantile(r, q):.2g}" for q in (0.5, 0.99, 0.999, 1))
        print(f"| {who} | {len(r):,} | {shares} |")


if __name__ == "__main__":
    main()
