"""`backproof check` takes every line, branch and way of the hand-written engines, but for a list with reasons."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from not_taken import NOT_TAKEN

import backproof

ROOT = Path(backproof.__file__).parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """What a check in a process of its own has taken."""
    out = tmp_path_factory.mktemp("coverage") / "taken.json"
    script = Path(__file__).parent / "run_under_coverage.py"
    paths = os.pathsep.join([str(ROOT.parent), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, str(script), str(out)], check=True, env={**os.environ, "PYTHONPATH": paths})
    return json.loads(out.read_text())


def functions(tree: ast.Module) -> dict[int, str]:
    """The qualified name of the innermost function of every line."""
    found: dict[int, str] = {}

    def visit(node: ast.AST, names: tuple[str, ...]) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = (*names, node.name)
            if isinstance(node, ast.FunctionDef):
                found.update(dict.fromkeys(range(node.lineno, (node.end_lineno or 0) + 1), ".".join(names)))
        for child in ast.iter_child_nodes(node):
            visit(child, names)

    visit(tree, ())
    return found


def missing(taken) -> dict[str, dict[str, list[str]]]:
    """The lines that were not taken, or not in every direction: by file, then by function."""
    places: dict[str, dict[str, list[str]]] = {}
    for name, file in taken["files"].items():
        path = Path(name).resolve()
        source = path.read_text()
        lines, of = source.splitlines(), functions(ast.parse(source))
        own = places.setdefault(path.relative_to(ROOT).as_posix(), {})
        branching = [start for start, end in file["missing_branches"] if end not in file["missing_lines"]]
        for line in (*file["missing_lines"], *branching):
            own.setdefault(of.get(line, ""), []).append(lines[line - 1].strip())
    return places


def test_the_check_agrees(taken):
    assert taken["failures"] == []


def test_every_line_and_branch_is_taken(taken):
    """What is missing is listed, and what is listed is missing."""
    places = missing(taken)
    assert taken["statements"] > 3000
    assert taken["branches"] > 500
    listed = {(file, place) for file, reasons in NOT_TAKEN.items() for place in reasons}
    found = [
        (file, function, f"{function}: {text}")
        for file, functions in places.items()
        for function, texts in functions.items()
        for text in texts
    ]
    unlisted = [(file, line) for file, function, line in found if not {(file, function), (file, line)} & listed]
    assert unlisted == []
    assert listed <= {(file, place) for file, *places in found for place in places}, "what is listed is not taken"


def literals(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be."""
    if isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.Constant):
        yield node.value


def ways() -> set[str]:
    """All ways that kernels can note: `....ways.add("...")`, and `way = "..."` of algorithms."""
    found: set[str] = set()
    files = [*ROOT.glob("engines/numpy/**/*.py"), *ROOT.glob("engines/numba/**/*.py"), ROOT / "engines/sweep.py"]
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        match node:
            case ast.Call(func=ast.Attribute(value=of, attr="add"), args=[way]) if "ways" in ast.unparse(of):
                found.update(literals(way))
            case ast.Assign(targets=[ast.Name(id="way")], value=way):
                found.update(literals(way))
            case ast.AnnAssign(target=ast.Name(id="way"), value=ast.Constant(value=way)):
                found.add(way)
    return found


def test_every_way_is_taken(taken):
    assert len(ways()) > 40
    told = {way for of_engine in taken["ways"].values() for of_operation in of_engine.values() for way in of_operation}
    assert told == ways()
