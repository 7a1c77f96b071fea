"""`backproof bench train`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from backproof.cli.comma import comma_list

app = App(name="bench", help="Time engines against each other, and against plain PyTorch and scikit-learn.")


@app.command
def train(
    *,
    model: str = "neurose",
    contenders: str = "numpy,torch,pytorch,scikit-learn",
    against: str = "pytorch",
    batch_sizes: Annotated[tuple[int, ...], comma_list(int)] = (16, 64, 256),
    threads: Annotated[tuple[int, ...], comma_list(int)] = (1, 2),
    rounds: int = 5,
    samples: int = 50_000,
    input_shape: Annotated[tuple[int, ...], comma_list(int)] = (1, 28, 28),
    classes: int = 10,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
) -> None:
    """Time an epoch of training: each contender in a process of its own, in turn, after a warm-up epoch.

    Contenders start from the same weights; the race is refused if their losses over the first steps differ.

    Parameters
    ----------
    model
        A registered model, trained with plain SGD on random samples.
    contenders
        Who runs: engines of `backproof engines`, pytorch (hand-written, eager), pytorch-fused, scikit-learn.
    against
        The contender to which ratios are given.
    batch_sizes
        Samples a step, each a race of its own.
    threads
        Threads of the linear algebra, each a race of its own.
    rounds
        Epochs that count, of each contender.
    samples
        Samples an epoch.
    input_shape
        Shape of a sample.
    classes
        Number of classes.
    output
        A JSON file for everything measured.
    """
    from backproof.bench import Job, race
    from backproof.bench.report import print_table, write_json
    from backproof.runs.environment import environment

    found = []
    for count in threads:
        for batch_size in batch_sizes:
            jobs = [
                Job(
                    contender=name,
                    model=model,
                    options={},
                    input_shape=input_shape,
                    classes=classes,
                    samples=samples,
                    batch_size=batch_size,
                    threads=count,
                )
                for name in contenders.split(",")
            ]
            found += race(jobs, rounds, _tell)
    print_table(found, against)
    if output is not None:
        write_json(output, found, environment("numpy"))
        print(f"all measurements are in {output}")


def _tell(job: object, number: int, seconds: float) -> None:
    """A line an epoch: a race takes minutes."""
    name, size, threads = (getattr(job, key) for key in ("contender", "batch_size", "threads"))
    stage = "warm-up" if number == 0 else f"round {number}"
    print(f"{stage:8}  {name:12}  batch {size}, threads {threads}: {seconds:.3f} s", flush=True)
