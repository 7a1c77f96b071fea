"""Sentences of errors: how they end, and which kind the rooms raise."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import backproof
from backproof import errors
from backproof.errors import DataError, ModelError, NotInstalledError, OptionError, RunError, UserError, unknown

SOURCE = Path(backproof.__file__).parent
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, UserError)}
ROOMS = {"data": DataError, "graph": ModelError, "ops": ModelError, "models": ModelError, "interchange": ModelError}
"""The rooms that raise one kind, and what `ALSO` names, alone."""

ALSO = {
    "ops": {"DataError"},  # indices that lie outside of what they are to take
    "interchange": {"NotInstalledError"},  # files that need a library
}


def raised() -> Iterator[tuple[Path, int, str, str]]:
    """File, line, kind and the end of the sentence of every user error that is made in the source."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS and node.args:
                text = node.args[0]
                last = text.values[-1] if isinstance(text, ast.JoinedStr) else text
                end = last.value if isinstance(last, ast.Constant) else "..."
                yield path.relative_to(SOURCE), node.lineno, node.func.id, str(end)  # type: ignore[attr-defined]


def test_sentences_end_without_a_full_stop() -> None:
    found = list(raised())
    assert len(found) > 250
    wrong = [
        f"{path}:{line}: {end!r}"
        for path, line, _, end in found
        if end.rstrip() != end or re.search(r"(?<![.])[.!]$", end)
    ]
    assert wrong == []


def test_a_sentence_names_options_by_their_templates() -> None:
    """An option written with its dashes would stand so in Python too; `cli` alone speaks of the command line."""
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS | {"named"}:
                texts = [n.value for a in node.args for n in ast.walk(a) if isinstance(n, ast.Constant)]
                wrong += [f"{path}:{node.lineno}: {t}" for t in texts if "--" in str(t) and "backproof " not in str(t)]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_raises_its_own_kind(room: str) -> None:
    kinds = {kind for path, _, kind, _ in raised() if path.parts[0] == room}
    assert kinds <= {ROOMS[room].__name__, "OptionError"} | ALSO.get(room, set())


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (OptionError, lambda: backproof.spec(epochs=-1)),
        (OptionError, lambda: backproof.spec(epoch=1)),
        (DataError, lambda: backproof.train(dataset="digit")),
        (ModelError, lambda: backproof.train(model="cnn", flatten=True)),
        (RunError, lambda: backproof.open_run("runs/none")),
    ],
)
def test_what_a_caller_catches(kind: type[UserError], cause, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind):
        cause()


def test_an_engine_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backproof.engines.registry.installed", lambda name: name != "torch")
    with pytest.raises(NotInstalledError, match="pip install"):
        backproof.train(engine="torch")


def test_nearest_names_or_all() -> None:
    assert str(unknown("model", "mpl", ["mlp", "cnn"])) == "unknown model 'mpl'; did you mean mlp?"
    assert str(unknown("model", "xyz", ["mlp", "cnn"])) == "unknown model 'xyz'; choose from: cnn, mlp"
