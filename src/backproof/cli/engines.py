"""`backproof engines`."""

from backproof.cli.columns import columns
from backproof.engines.registry import ENGINES, get_engine, how_to_install, installed


def engines() -> None:
    """List the engines: versions, devices, linear algebra and threads, or how to install one that is missing."""
    rows = []
    for name, entry in ENGINES.items():
        if installed(name):
            info = get_engine(name).info()
            details = ", ".join(f"{key} {value}" for key, value in info.details.items())
            rows.append((name, info.version, ", ".join(info.devices), details, entry.purpose))
        else:
            rows.append((name, "not installed", "", how_to_install(name), entry.purpose))
    print(columns(("engine", "version", "devices", "details", "what it is"), *rows))
