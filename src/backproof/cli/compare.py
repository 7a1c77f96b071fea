"""`backproof compare`."""

from pathlib import Path


def compare(
    run: Path,
    /,
    *runs: Path,
    weights: bool = False,
) -> None:
    """Print a table of runs side by side.

    Parameters
    ----------
    run
        The folder of a run, such as runs/mlp-numpy.
    runs
        More of them.
    weights
        Say also how far the weights of each run are from those of the first.
    """
    from backproof.compare import comparison, weight_distance
    from backproof.runs.store import open_run
    from backproof.view.terminal import print_comparison, print_weight_distance

    opened = [open_run(path) for path in (run, *runs)]
    print_comparison(comparison(opened))
    if weights:
        for other in opened[1:]:
            print_weight_distance(weight_distance(opened[0], other))
