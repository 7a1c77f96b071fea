"""A page that needs nothing but itself: styles, scripts and pictures are in it, so it opens offline and anywhere."""

from importlib.resources import files
from pathlib import Path
from string import Template

from backproof.errors import UserError
from backproof.view.html import Html


def document(title: str, body: Html) -> str:
    """The whole page as text."""
    from plotly.offline import get_plotlyjs

    return Template(_part("report.html")).substitute(
        title=title, css=_part("report.css"), plotly=Html(get_plotlyjs()), script=_part("report.js"), body=body
    )


def write_document(page: str, path: Path, what: str = "page") -> Path:
    """Write a page and return its path. Raises `UserError` where it cannot be written; `what` is its name there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"the {what} cannot be written to {path}: {error.strerror}") from error
    return path


def _part(name: str) -> str:
    """One of the page's own files."""
    return (files("backproof.view") / "page" / name).read_text(encoding="utf-8")
