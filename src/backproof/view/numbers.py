"""How figures are written for people: one way everywhere."""

from backproof.compare import Spread
from backproof.compare.columns import Unit

MISSING = "–"


def written(value: str | float | None, unit: Unit) -> str:
    """A figure with the digits that its unit deserves.

    >>> written(0.97832, "fraction"), written(109386, "count"), written(75.2, "seconds"), written(None, "cost")
    ('97.83 %', '109,386', '1 min 15 s', '–')
    """
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    match unit:
        case "fraction":
            return f"{100 * value:.2f} %"
        case "cost":
            return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.2e}"
        case "number":
            return f"{value:.4g}"
        case "ratio":
            return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
        case "seconds":
            return duration(value)
        case "megabytes":
            return f"{value:,.0f} MB"
        case _:
            return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time in two units at most: "4.2 ms", "0.42 s", "12.3 s", "1 min 15 s", "2 h 5 min"."""
    if seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.00995 else f"{1000 * seconds:.1f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def spread(value: Spread | None, unit: Unit) -> str:
    """Mean ± standard deviation in the unit's digits."""
    if value is None:
        return MISSING
    match unit:
        case "fraction":
            return f"{100 * value.mean:.2f} ± {100 * value.deviation:.2f} %"
        case "megabytes":
            return f"{value.mean:,.0f} ± {value.deviation:,.0f} MB"
        case "seconds" if value.mean < 600:
            return f"{value.mean:.2f} ± {value.deviation:.2f} s"
        case "cost" if 1e-3 <= abs(value.mean) < 1e4:
            return f"{value.mean:.4f} ± {value.deviation:.4f}"
        case "epoch":
            return f"{value.mean:.1f} ± {value.deviation:.1f}"
        case "count" | "ratio" if value.deviation == 0:
            return written(value.mean, unit)
        case _:
            return f"{written(value.mean, unit)} ± {written(value.deviation, unit)}"


def state(status: str, epochs: int, planned: int) -> str:
    """What to say beside a run's name: nothing for a finished one, else how far it got."""
    return "" if status == "finished" else f"{status}, epoch {epochs} of {planned}"
