"""The measure is measured: mutants are what they are said to be, and are tried as they should be."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

from mutation.mutants import OPERATORS, Outline, changed_lines, mutants
from mutation.rooms import ROOMS, files_of_source, files_of_tests
from mutation.session import EQUIVALENT, Session, Worker
from mutation.swap import exchange, exchanges, place_of
from mutation.table import figures, survivors, table

ROOT = Path(__file__).parents[2]

KERNEL = """\
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import version_info

SIZE: "int | None" = 3


class Kernel:
    def forward(self, x: "int | float", *, n: int = 2) -> int | None:
        total = [0] * n
        total[0] += x
        if x < SIZE:
            total.append(max(total, key=abs))
            raise ValueError(f"{n + 1}")
        return -x
"""


def found(tmp_path: Path, text: str) -> dict[str, list[tuple[str, str]]]:
    """By operator, the lines that its mutants of a file take out and put in."""
    (tmp_path / "kernel.py").write_text(text)
    lines: dict[str, list[tuple[str, str]]] = {}
    for mutant in mutants(tmp_path, "kernel.py"):
        code = mutant.code(text)
        assert code is not None
        lines.setdefault(mutant.operator.split("/")[1], []).append(changed_lines(text, code))
    return lines


def test_every_mutant_is_a_change_of_what_is_computed(tmp_path):
    lines = found(tmp_path, KERNEL)
    assert lines["RemoveStatement"] == [
        ("total[0] += x", "pass"),
        ("total.append(max(total, key=abs))", "pass"),
    ]
    assert lines["RemoveKeyword"] == [("total.append(max(total, key=abs))", "total.append(max(total))")]
    assert lines["ReplaceComparisonOperator_Lt_LtE"] == [("if x < SIZE:", "if x <= SIZE:")]
    assert lines["ReplaceUnaryOperator_USub_UAdd"] == [("return -x", "return +x")]
    assert lines["AddNot"] == [("if x < SIZE:", "if not x < SIZE:")]
    numbers = [was for was, _ in lines["NumberReplacer"]]
    assert numbers == [line for line in numbers if "3" in line or "n: int = 2" in line or "0" in line]
    assert len(numbers) == 8
    assert "ReplaceBinaryOperator_BitOr_BitAnd" not in lines  # annotations compute nothing


@pytest.mark.parametrize("name", [name for name in OPERATORS if name.startswith("backproof/")])
def test_our_own_operators_do_what_their_examples_say(name):
    operator = get_operator(name)
    for example in operator.examples():
        assert mutate_code(example.pre_mutation_code, operator(), example.occurrence) == example.post_mutation_code


def test_a_mutant_keeps_its_name_when_lines_above_it_are_edited(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    before = {m.id: m.definition for m in mutants(tmp_path, "kernel.py")}
    assert len(before) > 12
    (tmp_path / "kernel.py").write_text(KERNEL.replace("\n\nclass", "\n\ndef one():\n    return 1\n\n\nclass", 1))
    after = {m.id: m.definition for m in mutants(tmp_path, "kernel.py")}
    assert before.items() <= after.items()
    assert {after[key] for key in after.keys() - before.keys()} == {"one"}


def test_a_line_belongs_to_the_innermost_body():
    outline = Outline(KERNEL)
    lines = KERNEL.splitlines()
    assert outline.definition(lines.index("        return -x") + 1) == "Kernel.forward"
    assert outline.definition(lines.index("class Kernel:") + 2) == "Kernel"
    assert outline.definition(1) == ""
    assert outline.functions == ["Kernel.forward"]


def test_rooms_hold_every_file_of_engines_and_of_what_trains():
    of_rooms = [file for room in ROOMS for file in files_of_source(ROOT, room)]
    assert len(of_rooms) == len(set(of_rooms))
    for folder in ("engines", "optim", "train", "data", "graph"):
        files = {p.relative_to(ROOT).as_posix() for p in (ROOT / "src/backproof" / folder).rglob("*.py")}
        assert files <= set(of_rooms)
    assert all(files_of_tests(ROOT, room) for room in ROOMS)


def test_equivalent_mutants_have_reasons_and_are_still_there():
    for entry in tomllib.loads(EQUIVALENT.read_text())["equivalent"]:
        assert len(entry["reason"]) > 20, entry
        if "was" in entry:
            source = {line.strip() for line in (ROOT / "src/backproof" / entry["file"]).read_text().splitlines()}
            were = [entry["was"]] if isinstance(entry["was"], str) else entry["was"]
            assert {line for was in were for line in was.splitlines()} <= source, entry


def test_a_change_of_a_class_is_asked_of_what_is_named_as_it_or_mentions_it(tmp_path):
    """No function of the file may be entered by what the change breaks: a class without its decorator has none."""
    with Session(ROOT, tmp_path, ["optim"]) as session:
        mentions = session._key("tests/optim/test_declarations.py", True)
        keys = {f"check numpy optimizers {name}": f"check numpy optimizers {name}" for name in ("nesterov", "adam")}
        keys[mentions] = "tests/optim/test_declarations.py::test_all_of_them"
        session.record = {key: {"units": {name: {"seconds": 1.0, "places": []}}} for key, name in keys.items()}
        entering = {"seconds": 2.0, "places": ["src/backproof/optim/sgd.py::Momentum.share"]}
        session.record["check numpy networks drop"] = {"units": {"check numpy networks drop": entering}}
        mutant = next(m for m in session.mutants["optim"] if m.file.endswith("sgd.py") and not m.definition)
        assert [unit["check"][-1] for unit in session.units(mutant, "check")] == ["nesterov", "drop"] * 2
        assert [unit["test"] for unit in session.units(mutant, "tests")] == [keys[mentions]]


TWICE = """\
def outer(n=1):
    def inner(x):
        return x + n
    return inner

twice = [outer(2)]
"""


def test_functions_are_given_the_code_of_a_mutant_where_they_live():
    space: dict[str, Any] = {}
    exec(compile(TWICE, "twice.py", "exec"), space)
    live = {place_of(f.__code__): [f] for f in (space["outer"], space["twice"][0])}
    pairs = exchanges(TWICE, TWICE.replace("x + n", "x - n"), "twice.py")
    assert pairs is not None
    assert [old.co_qualname for old, _ in pairs] == ["outer", "outer.<locals>.inner"]
    assert exchange(pairs, live)
    assert space["outer"]()(5) == 4  # what is made from now on
    assert space["twice"][0](5) == 3  # and what was made before
    assert not exchange(pairs, {})


@pytest.mark.parametrize(("was", "now"), [("n=1", "n=2"), ("outer(2)]", "outer(3)]")])
def test_what_is_more_than_code_of_functions_is_imported_anew(was, now):
    """A default, and a value of the module."""
    assert exchanges(TWICE, TWICE.replace(was, now), "twice.py") is None


KERNELS = "src/backproof/engines/numpy/kernels/activation.py"


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """Gives what a worker answers, by whom and why, of a change of how the NumPy engine computes the ReLU."""
    worker = Worker(ROOT, tmp_path_factory.mktemp("mutation") / "tree")
    source = (ROOT / KERNELS).read_text()
    check = {"check": ["numpy", "operations", "ReLU"], "quick": True, "limit": 10}
    test = {"test": "tests/test_registry.py", "limit": 60}

    def asked(compute: str, after: str = "", units: Sequence[Any] = (check, test)) -> tuple[str | None, str]:
        line = "np.maximum(x, 0, out=y)"
        assert source.count(line) == 1
        code = source.replace(line, compute) + after
        answer = worker.ask(file=KERNELS, code=code, units=list(units))
        assert (worker.tree / KERNELS).read_text() == source
        return answer["by"], answer["why"]

    yield asked
    worker.close()


SAME = "np.maximum(0, x, out=y)"


@pytest.mark.slow
@pytest.mark.parametrize("after", ["", "\nONE = 1\n"], ids=["exchanged", "imported"])
def test_a_mutant_survives_or_falls_to_check(judge, after):
    assert judge(SAME, after) == (None, "")
    by, why = judge("np.maximum(x, 0.001, out=y)", after)
    assert by == "check numpy operations ReLU"
    assert "output of numpy" in why
    assert judge(SAME, after) == (None, "")


def test_a_mutant_falls_to_a_test(judge):
    test = "tests/engines/test_ops.py::test_operation[numpy-ReLU]"
    by, why = judge("np.maximum(x, 0.001, out=y)", units=[{"test": test, "limit": 60}])
    assert by == test
    assert "AssertionError" in why


def test_a_loop_without_end_is_found_by_its_time(judge):
    unit = {"check": ["numpy", "operations", "ReLU"], "quick": True, "limit": 3}
    assert judge("while True: pass", units=[unit]) == ("check numpy operations ReLU", "no end")


def test_what_cannot_be_imported_is_told_apart(judge):
    by, why = judge(SAME, "\n1 / 0\n")
    assert by == "import"
    assert "ZeroDivisionError" in why


def test_a_process_that_dies_takes_nothing_with_it(judge):
    assert judge(SAME, "\nimport os; os.kill(os.getpid(), 9)\n") == ("import", "the process died")
    assert judge("import os; os.kill(os.getpid(), 9)") == ("check numpy operations ReLU", "the process died")
    assert judge(SAME) == (None, "")


@pytest.mark.slow
def test_of_200_mutants_nearly_all_are_found(tmp_path, capsys):
    """As docs/mutation.md says, with room for chance. Recording what reaches what takes most of the time."""
    with Session(ROOT, tmp_path, ROOMS) as session:
        session.run(2, 200 // len(ROOMS), "", survivors=False, record=False)
        with capsys.disabled():
            print(f"\n{table(session)}\n\n{survivors(session)}")
        counts = {room: figures(session, room) for room in ROOMS}
    kernels = sum((counts[room] for room in ROOMS if room.startswith("engines/")), Counter())
    checked = sum((counts[room] for room in ROOMS if ROOMS[room].engines), Counter())
    alone = sum((counts[room] for room in ROOMS if not ROOMS[room].engines), Counter())
    assert checked["rest"] + alone["rest"] > 120
    assert kernels["check"] >= 0.9 * kernels["rest"]
    # Settings' names and ranges, and what wrong inputs are refused for, are looked at by tests alone.
    assert checked["check"] + checked["tests"] >= 0.9 * checked["rest"]
    assert alone["tests"] >= 0.85 * alone["rest"]
