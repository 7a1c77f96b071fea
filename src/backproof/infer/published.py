"""Weights that others have published: where they lie, and what they must be. None of them come with backproof."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from backproof import __version__
from backproof.errors import ModelError, unknown
from backproof.train.checkpoint import write_atomically

SECONDS = 30
"""How long a server may be silent."""


@dataclass(frozen=True)
class Published:
    """A file on the internet.

    Attributes:
        file: what it is called here.
        url: where it is.
        sha256: of its bytes, hexadecimal.
        size: in bytes.
        about: whose it is, and under which licence, for people.
    """

    file: str
    url: str
    sha256: str
    size: int
    about: str


PUBLISHED: Final[Mapping[str, Published]] = {
    "u2netp": Published(
        file="u2netp.onnx",
        url="https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2netp.onnx",
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        size=4_574_861,
        about="U²-Net-P by Qin et al. (github.com/xuebinqin/U-2-Net, Apache-2.0), as ONNX by rembg",
    ),
}
"""By name."""


def fetch(name: str, path: Path | None = None, url: str = "") -> tuple[Path, bool]:
    """The file of published weights, downloaded unless it is there: its path, and whether it was downloaded now.

    Args:
        name: in `PUBLISHED`.
        path: where to; the file's own name in the current folder if None.
        url: another place that has the same file.

    Nothing is written unless every byte is as it must be. Raises `UserError` for an unknown name, another file at
    `path`, a place that cannot be reached, a file with another checksum, and where it cannot be written.
    """
    if name not in PUBLISHED:
        raise unknown("published weights", name, PUBLISHED, ModelError)
    wanted = PUBLISHED[name]
    path, url = path or Path(wanted.file), url or wanted.url
    try:
        if path.exists():
            if path.is_file() and path.stat().st_size == wanted.size and _is(path.read_bytes(), wanted):
                return path, False
            raise ModelError(f"'{path}' is there already and is another file; move it away or give another path")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, _downloaded(url, wanted))
    except OSError as error:
        raise ModelError(f"cannot write '{path}': {error.strerror or error}") from error
    return path, True


def _downloaded(url: str, wanted: Published) -> bytes:
    """The file at an address. Raises `UserError` if it cannot be had, or is not the one that is wanted."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": f"backproof/{__version__}"})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            content: bytes = answer.read(wanted.size + 1)
    except urllib.error.HTTPError as error:
        raise ModelError(f"cannot download {url}: the server says {error.code} {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", None) or error
        raise ModelError(f"cannot download {url}: {getattr(reason, 'strerror', None) or reason}") from error
    if not _is(content, wanted):
        raise ModelError(
            f"{url} is not the file that it should be: its sha256 is {sha256(content).hexdigest()[:12]}..., not "
            f"{wanted.sha256[:12]}...; nothing was written"
        )
    return content


def _is(content: bytes, wanted: Published) -> bool:
    return sha256(content).hexdigest() == wanted.sha256
