"""Preprocessed arrays on disk, one file a key; whole or not there, and never trusted blindly."""

import logging
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from backproof.data.preprocessed import Preprocessed
from backproof.errors import named

log = logging.getLogger(__name__)


def read(folder: Path, key: str) -> Preprocessed | None:
    """What was kept under `key`; None where there is nothing, or where the file is damaged or not of this key."""
    path = _path(folder, key)
    try:
        # A zip file: its checksums show damage. Opened here, as np.load leaves a file that is no zip open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if str(file["key"]) != key:
                log.info("%s belongs to other data; it is made again.", path)
                return None
            masks = file.get("masks", None)
            return Preprocessed(file["x"], file["ids"], tuple(str(line) for line in file["skipped"]), masks)
    except FileNotFoundError:
        return None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        log.info("%s is damaged (%s); it is made again.", path, error)
        return None


def write(folder: Path, key: str, kept: Preprocessed) -> None:
    """Keep `kept` under `key`. A folder that cannot be written costs time later, not the run: it warns."""
    unfinished = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part", delete=False) as file:
            unfinished = Path(file.name)
            skipped = np.array(kept.skipped, dtype=np.str_)
            masks: dict[str, Any] = {} if kept.masks is None else {"masks": kept.masks}
            np.savez(file, key=np.str_(key), x=kept.x, ids=kept.ids, skipped=skipped, **masks)
        unfinished.replace(_path(folder, key))
    except OSError as error:
        log.warning(
            "cannot keep preprocessed data in %s (%s); see %s", folder, error.strerror or error, named("{cache_dir}")
        )
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key[:32]}.npz"
