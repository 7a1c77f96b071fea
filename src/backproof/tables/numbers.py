"""How numbers are written for people: one way everywhere."""

from typing import Literal

Unit = Literal["text", "count", "ratio", "number", "cost", "fraction", "epoch", "seconds", "megabytes", "error"]

MISSING = "–"


def written(value: str | float | None, unit: Unit) -> str:
    """A number with the digits that its unit deserves.

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
        case "error":
            return f"{value:.1e}" if value else "0"
        case "ratio":
            return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
        case "seconds":
            return duration(value)
        case "megabytes":
            return f"{value:,.0f} MB"
        case _:
            return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time in two units at most: "42.0 µs", "4.20 ms", "0.42 s", "12.3 s", "1 min 15 s", "2 h 5 min"."""
    if seconds < 0.0995:
        size, unit = (1e6, "µs") if 0 < seconds < 0.0009995 else (1e3, "ms")
        return f"{size * seconds:#.3g}".rstrip(".") + f" {unit}"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def deviation(mean: float, value: float, unit: Unit) -> str:
    """A standard deviation in the digits of its mean, without the unit."""
    match unit:
        case "fraction":
            return f"{100 * value:.2f}"
        case "cost" if 1e-3 <= abs(mean) < 1e4:
            return f"{value:.4f}"
        case "seconds":
            return f"{value:.2f} s"
        case "epoch":
            return f"{value:.1f}"
        case _:
            return written(value, unit).removesuffix(" MB")
