"""What the commands of `backproof check` share: options, each with its help, and what becomes of their findings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from backproof.verify import CheckReport

Engines = Annotated[
    str, Parameter(help="Engines to check, with commas between them; all that are installed if not given.")
]
DTypes = Annotated[str, Parameter(help="float64 or float32; both if not given.")]
Seeds = Annotated[int, Parameter(help="Cases drawn of each sample of an operation.")]
Save = Annotated[Path | None, Parameter(help="A folder for failing tensors, one file each.")]
Report = Annotated[Path | None, Parameter(help="An HTML page to write.")]
Json = Annotated[Path | None, Parameter(name="--json", help="A JSON file to write, with every finding.")]


def engine_names(text: str) -> tuple[str, ...]:
    """The names in `numpy,torch`; none of the empty text."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def conclude(reports: Sequence["CheckReport"], title: str, json: Path | None, report: Path | None) -> int:
    """Write the files that are wanted, and return the exit code: 0 if something was compared and all of it agrees.

    Raises `UserError` for a file that cannot be written.
    """
    from backproof.verify import CheckReport
    from backproof.view.check_page import write_check_page
    from backproof.view.document import write_document

    whole = reports[0] if len(reports) == 1 else CheckReport.joined(title, reports)
    if json is not None:
        print(f"findings written to {write_document(whole.to_json(), json, '--json file')}")
    if report is not None:
        print(f"page written to {write_check_page(reports, report)}")
    return 0 if whole.passed else 1
