"""The figures of a session, and what survived."""

from collections import Counter

from mutation.rooms import ROOMS
from mutation.session import Session

COLUMNS = ("mutants", "drawn", "no program", "equivalent", "rest", "check", "tests", "survived", "by check", "by both")


def table(session: Session) -> str:
    """A line of Markdown a room: how many there are, were drawn, and were found by whom."""
    lines = [f"| room | {' | '.join(COLUMNS)} |", f"|---|{'---:|' * len(COLUMNS)}"]
    total: Counter[str] = Counter()
    for room in session.rooms:
        counts = figures(session, room)
        total += counts
        lines.append(_line(room, counts, bool(ROOMS[room].engines)))
    return "\n".join([*lines, _line("all", total, True)])


def figures(session: Session, room: str) -> Counter[str]:
    """How many of a room's mutants came to what."""
    found = [session.results[m.id].by for m in session.mutants[room] if m.id in session.results]
    by = Counter(found)
    return Counter(
        {
            "mutants": len(session.mutants[room]),
            "drawn": len(found) - by["same"],
            "no program": by["import"],
            "equivalent": by["equivalent"],
            "rest": by["check"] + by["tests"] + by[""],
            "check": by["check"],
            "tests": by["tests"],
            "survived": by[""],
        }
    )


def _line(room: str, c: Counter[str], checked: bool) -> str:
    rest = c["rest"] or 1
    shares = [f"{100 * c['check'] / rest:.1f} %" if checked else "", f"{100 * (c['check'] + c['tests']) / rest:.1f} %"]
    return f"| {room} | " + " | ".join([*(str(c[name]) for name in COLUMNS[:-2]), *shares]) + " |"


def survivors(session: Session) -> str:
    """What survived, ready to be looked at, by file."""
    text = []
    for room in session.rooms:
        for m in sorted(session.mutants[room], key=lambda m: (m.file, m.start)):
            result = session.results.get(m.id)
            if result is not None and not result.by:
                where = f"{m.file}:{m.start[0]} {m.definition}, {m.operator}, {result.asked} asked"
                text.append(f"{where}\n- {result.was}\n+ {result.now}")
    return "\n\n".join(text)
