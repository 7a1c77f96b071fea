"""What a race found: a table for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backproof.bench.race import Measurement


def rows(measurements: Sequence[Measurement], against: str) -> list[dict[str, Any]]:
    """One row a measurement; `ratio` is its median over that of `against` at the same threads and batch size."""
    base = {(m.job.threads, m.job.batch_size): m for m in measurements if m.job.contender == against}
    found = []
    for m in measurements:
        rival = base.get((m.job.threads, m.job.batch_size))
        low, high = m.quartiles
        found.append(
            {
                "threads": m.job.threads,
                "batch_size": m.job.batch_size,
                "contender": m.job.contender,
                "seconds": m.median,
                "quartiles": [low, high],
                "ratio": m.median / rival.median if rival else None,
                "memory_ratio": m.peak_memory_mb / rival.peak_memory_mb if rival else None,
                "warm_up": m.warm_up,
                "peak_memory_mb": m.peak_memory_mb,
                "samples_per_second": m.job.samples / m.median,
            }
        )
    return found


def print_table(measurements: Sequence[Measurement], against: str) -> None:
    """The rows, sorted by threads, batch size and speed."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"seconds an epoch; ratios are to {against}", title_justify="left")
    table.add_column("threads", justify="right")
    table.add_column("batch", justify="right")
    table.add_column("contender")
    for title in ("median", "quartiles", "ratio", "samples/s", "warm-up", "peak MB", "ratio"):
        table.add_column(title, justify="right")
    ordered = sorted(rows(measurements, against), key=lambda r: (r["threads"], r["batch_size"], r["seconds"]))
    before = None
    for row in ordered:
        group = (row["threads"], row["batch_size"])
        if before is not None and group != before:
            table.add_section()
        before = group
        low, high = row["quartiles"]
        table.add_row(
            str(row["threads"]),
            str(row["batch_size"]),
            row["contender"],
            f"{row['seconds']:.3f}",
            f"{low:.3f}-{high:.3f}",
            "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            f"{row['samples_per_second']:,.0f}",
            f"{row['warm_up']:.3f}",
            f"{row['peak_memory_mb']:.0f}",
            "" if row["memory_ratio"] is None else f"{row['memory_ratio']:.2f}",
        )
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(table)


def write_json(path: Path, measurements: Sequence[Measurement], environment: dict[str, Any]) -> None:
    """Everything measured, every round, with the surroundings."""
    content = {
        "environment": environment,
        "measurements": [asdict(m) | {"median": m.median, "quartiles": m.quartiles} for m in measurements],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
