"""What type checkers and editors read of `backproof.runs.options`; `python -m backproof.runs.stub` writes it anew."""

import json
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from backproof.option import parts
from backproof.runs.spec import tables

PATH = Path(__file__).with_name("options.pyi")

HEAD = """\
# Written by `python -m backproof.runs.stub` from the declarations of the options.
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from backproof.runs.spec import RunSpec

class Options(TypedDict, total=False):
"""

TAIL = """
def spec_from_options(options: Mapping[str, object]) -> RunSpec: ...
"""


def stub() -> str:
    """Every option with its type, table by table; a tuple may be any sequence."""
    lines = []
    for table, options in tables().items():
        lines += [f"    # {table}", *(f"    {name}: {_text(declared.kind)}" for name, declared in options.items())]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def _text(kind: Any) -> str:
    """The type as one writes it."""
    members = parts(kind)
    if len(members) > 1:
        return " | ".join("None" if member is type(None) else _text(member) for member in members)
    if get_origin(kind) is Literal:
        return f"Literal[{', '.join(json.dumps(choice) for choice in get_args(kind))}]"
    return f"Sequence[{get_args(kind)[0].__name__}]" if get_origin(kind) is tuple else str(kind.__name__)


if __name__ == "__main__":
    PATH.write_text(stub(), encoding="utf-8")
