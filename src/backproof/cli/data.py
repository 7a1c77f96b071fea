"""`backproof data list`, `data show`, `data make`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from backproof.cli.columns import columns
from backproof.data.options import DataOptions
from backproof.errors import OptionError

app = App(name="data", help="List, look at, and make datasets.")


@app.command(name="list")
def list_datasets(*, data_dir: Path = Path("datasets")) -> None:
    """List the built-in datasets, and those in the data folder.

    Parameters
    ----------
    data_dir
        The folder in which datasets are looked up by name.
    """
    from backproof.data import available

    rows = [(entry.name, entry.kind, entry.where) for entry in available(data_dir)]
    print(columns(("dataset", "kind", "where or what"), *rows))


@app.command
def show(
    dataset: str,
    /,
    *,
    data_dir: Path = Path("datasets"),
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    per_class: int = 8,
) -> None:
    """Show a dataset's targets, counts and sizes, and draw some of its samples.

    Parameters
    ----------
    dataset
        A name from `backproof data list`, or a path.
    data_dir
        The folder in which datasets are looked up by name.
    output
        The picture to write; DATASET.png in this folder if left out.
    per_class
        Samples of each class in the picture, or in a line of it.
    """
    from backproof.data import contact_sheet, describe

    options = DataOptions(dataset=dataset, data_dir=str(data_dir))
    summary = describe(options)
    facts = [
        ("dataset", f"{summary.name} ({summary.kind})"),
        ("from", summary.where),
        ("samples", f"{summary.samples:,}"),
        ("partitions", ", ".join(f"{name} {count:,}" for name, count in summary.partitions.items())),
        ("size", _size(summary.smallest, summary.largest)),
        ("mode", ", ".join(f"{mode} ({count:,})" for mode, count in summary.modes.items())),
    ]
    print(columns(*(fact for fact in facts if fact[1])))
    if summary.table:
        print("\n" + columns(*summary.table))
    for note in (*summary.notes, *summary.unreadable):
        print(f"note: {note}")
    if summary.smallest:
        path = output or Path(f"{summary.name}.png")
        contact_sheet(options, path, per_class)
        print(f"\nsamples drawn in {path}")


@app.command
def make(dataset: str, /, *, data_dir: Path = Path("datasets"), seed: int = 0) -> None:
    """Generate a dataset as a folder of PNG images, and of masks where it has them. The same seed gives the same bytes.

    Parameters
    ----------
    dataset
        A generated one of `backproof data list`.
    data_dir
        The folder to put it in.
    seed
        Seed of all that is drawn at random.
    """
    from backproof.data import make as make_dataset

    if seed < 0:
        raise OptionError("{seed} is {}; it must be 0 or more", seed)

    print(f"made {make_dataset(dataset, data_dir, seed)}")


def _size(smallest: tuple[int, ...], largest: tuple[int, ...]) -> str:
    """Height x width of the images, one or from to."""
    small, large = (" x ".join(map(str, size)) for size in (smallest, largest))
    return small if small == large else f"{small} to {large}"
