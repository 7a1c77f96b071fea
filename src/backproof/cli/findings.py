"""What the commands of `backproof check` share: options, and what becomes of their findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backproof.errors import OptionError
from backproof.option import OptionGroup, option

if TYPE_CHECKING:
    from backproof.engines import DType
    from backproof.verify import CheckReport


@dataclass(frozen=True, kw_only=True)
class FileOptions(OptionGroup):
    """The engines, and the files that are written."""

    engines: str = option("", "Engines to check, with commas between them; all that are installed if not given.")
    json: Path | None = option(None, "A JSON file to write, with every finding.")

    @property
    def engine_names(self) -> tuple[str, ...]:
        """The names in `numpy,torch`; none of the empty text."""
        return tuple(name.strip() for name in self.engines.split(",") if name.strip())

    @property
    def known_engines(self) -> tuple[str, ...]:
        """The engines asked for, or all that are installed. Raises `UserError` for an unknown one."""
        from backproof.engines import ENGINES, installed
        from backproof.engines.registry import require_entry

        names = self.engine_names or tuple(name for name in ENGINES if installed(name))
        for name in names:
            require_entry(name)
        return names


@dataclass(frozen=True, kw_only=True)
class PageOptions(FileOptions):
    """With a page."""

    report: Path | None = option(None, "An HTML page to write.")


@dataclass(frozen=True, kw_only=True)
class CheckOptions(PageOptions):
    """Of checks of optimizers."""

    dtype: Literal["float64", "float32"] | None = option(None, "float64 or float32; both if not given.")
    save: Path | None = option(None, "A folder for failing tensors, one file each.")

    @property
    def dtypes(self) -> "tuple[DType, ...]":
        """One, or both."""
        return (self.dtype,) if self.dtype else ("float64", "float32")


@dataclass(frozen=True, kw_only=True)
class SampleOptions(CheckOptions):
    """Of checks of operations."""

    seeds: int = option(3, "Cases drawn of each sample of an operation.", minimum=1)


@dataclass(frozen=True, kw_only=True)
class WholeOptions(SampleOptions):
    """Of the check of everything."""

    processes: int = option(0, "Processes that share the work; 0: one a core.", minimum=1, zero="one a core")

    def require_float64(self) -> None:
        """Raise `UserError` for another dtype: what a user's file declares is checked in float64."""
        if self.dtype == "float32":
            raise OptionError("{dtype} is float32; what a file of yours declares is checked in float64")


def show(reports: "Mapping[str, CheckReport]", seconds: float, options: FileOptions) -> int:
    """Tables now, files where they are wanted, and the exit code."""
    from backproof.view.check_terminal import print_check

    print_check(reports, seconds)
    return conclude(list(reports.values()), "check of " + " and ".join(reports), options)


def conclude(reports: Sequence["CheckReport"], title: str, options: FileOptions) -> int:
    """Write the files that are wanted, and return the exit code: see `CheckReport.exit_code`.

    Raises `UserError` for a file that cannot be written.
    """
    from backproof.verify import CheckReport
    from backproof.view.check_page import write_check_page
    from backproof.view.document import write_document

    whole = reports[0] if len(reports) == 1 else CheckReport.joined(title, reports)
    if options.json is not None:
        print(f"findings written to {write_document(whole.to_json(), options.json, '--json file')}")
    if isinstance(options, PageOptions) and options.report is not None:
        print(f"page written to {write_check_page(reports, options.report)}")
    return whole.exit_code
