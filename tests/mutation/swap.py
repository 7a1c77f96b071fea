"""Putting a mutant into a process that has imported the original: its functions are given new code where they live.

That saves importing backproof anew for each mutant. It is possible where a change lies inside of functions, none of
which has run while backproof was imported, since what they made then would stay.
"""

import gc
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

Place = tuple[str, str, int]
"""File, qualified name, first line."""


def live_functions(folder: str) -> dict[Place, list[FunctionType]]:
    """All functions in this process whose source lies in a folder."""
    found: dict[Place, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(folder):
            found.setdefault(place_of(thing.__code__), []).append(thing)
    return found


def place_of(code: CodeType) -> Place:
    """Where a function is written."""
    return code.co_filename, code.co_qualname, code.co_firstlineno


def exchanges(was: str, now: str, path: str) -> list[tuple[CodeType, CodeType]] | None:
    """Which functions of a file a mutant changes, and into what; None if it changes more than functions."""
    pairs: list[tuple[CodeType, CodeType]] = []
    possible = _differences(compile(was, path, "exec"), compile(now, path, "exec"), (), pairs)
    return pairs if possible else None


def _differences(
    a: CodeType, b: CodeType, outer: tuple[tuple[CodeType, CodeType], ...], pairs: list[tuple[CodeType, CodeType]]
) -> bool:
    """Add what differs, with the functions around it, from whose constants inner functions are made."""
    is_function = bool(a.co_flags & inspect.CO_OPTIMIZED)
    around = (*outer, (a, b)) if is_function else outer
    if _own(a) != _own(b):
        if not is_function or a.co_freevars != b.co_freevars:
            return False
        pairs += [pair for pair in around if pair not in pairs]
        return True
    inner = list(zip(_inner(a), _inner(b), strict=True))
    return all(_differences(x, y, around, pairs) for x, y in inner)


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _own(code: CodeType) -> tuple[Any, ...]:
    """What a piece of code does, but for the functions that it makes, and wherever it stands."""
    # 0 equals 0.0 and False, but is another constant.
    constants = [(type(c), repr(c)) for c in code.co_consts if not isinstance(c, CodeType)]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, len(_inner(code)))
    return (code.co_code, constants, names, code.co_argcount, code.co_kwonlyargcount, code.co_exceptiontable)


def exchange(pairs: Iterable[tuple[CodeType, CodeType]], live: dict[Place, list[FunctionType]]) -> bool:
    """Give every living function its new code; False if the outermost of them lives nowhere."""
    pairs = list(pairs)
    if not all(live.get(place_of(old)) for old, _ in pairs if "<locals>" not in old.co_qualname):
        return False
    for old, new in pairs:
        for function in live.get(place_of(old), ()):
            function.__code__ = new
    return True


def run_while(call: Callable[[], object], folder: str) -> Iterator[str]:
    """The qualified names of the functions of a folder that are entered during a call, with their files."""
    import sys

    entered: set[CodeType] = set()

    def profile(frame: Any, event: str, _: object) -> None:
        if event == "call":
            entered.add(frame.f_code)

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    for code in entered:
        if code.co_filename.startswith(folder) and code.co_flags & inspect.CO_OPTIMIZED:
            yield f"{code.co_filename}::{code.co_qualname}"
