"""`backproof fetch-weights`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def fetch_weights(
    name: str | None = None, /, *, output: Annotated[Path | None, Parameter(alias="-o")] = None, url: str = ""
) -> None:
    """Download weights that others have published, and check that they are these. Without a name, list them.

    Parameters
    ----------
    name
        Which weights.
    output
        The file to write; its own name in this folder if left out.
    url
        Another place that has the same file.
    """
    from backproof.cli.columns import columns
    from backproof.infer.published import PUBLISHED, fetch

    if name is None:
        rows = [(key, f"{entry.size / 1e6:.1f} MB", entry.about, entry.url) for key, entry in PUBLISHED.items()]
        print(columns(("weights", "size", "what they are", "from"), *rows))
        return
    path, downloaded = fetch(name, output, url)
    print(f"{path}: {'downloaded' if downloaded else 'there already'}, the checksum is right")
