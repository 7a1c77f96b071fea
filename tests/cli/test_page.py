"""The page about the command line names every command, option and optimizer there is, and none that is not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from backproof.cli import app
from backproof.cli.train import options_app
from backproof.optim import OPTIMIZERS, Optimizer
from backproof.option import options_of

PAGE = (Path(__file__).parents[2] / "docs/command-line.md").read_text()
SECTIONS = dict(re.findall(r"^## `backproof ([\w-]+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
"""What the page says of each command and those below it."""


def commands(of: App, *path: str) -> Iterator[tuple[str, App]]:
    """Every command below `of` that can be called, by its words; `train` reads its tokens by an app of its own."""
    if of.default_command is not None:
        yield " ".join(path), options_app() if path == ("train",) else of
    for name in of:
        if not name.startswith("-"):
            yield from commands(of[name], *path, name)


COMMANDS = dict(commands(app))


def names(command: App) -> set[str]:
    """The names of its options, such as --output, -o and --no-trim."""
    return {name for argument in command.assemble_argument_collection() for name in argument.names if name[0] == "-"}


def off(command: App) -> set[str]:
    """The names that only turn off what another one turns on; the page tells the form of all of them at once."""
    return {name for argument in command.assemble_argument_collection() for name in argument.negatives}


def named(text: str) -> set[str]:
    """The options that a text names."""
    code = [block or span for block, span in re.findall(r"```(.*?)```|`([^`]+)`", text, re.DOTALL)]
    return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", " ".join(code)))


def subjects(line: str) -> set[str]:
    """The commands that a row of a table is about, by its first cell, such as `check op NAME...`; of a text none."""
    cell = line.split("|")[1] if line.startswith("|") else ""
    found = [[c for c in COMMANDS if f"{code} ".startswith(f"{c} ")] for code in re.findall(r"`([^`]+)`", cell)]
    return {max(of, key=len) for of in found if of}


def said_of(words: str) -> str:
    """The section of a command, without the rows of tables that are about others."""
    lines = SECTIONS[words.split()[0]].splitlines()
    return "\n".join(line for line in lines if not subjects(line) or words in subjects(line))


def test_the_walk_sees_commands_and_their_options() -> None:
    assert {"train", "engines", "check", "check model", "bench", "bench page", "data list"} <= COMMANDS.keys()
    assert {"--learning-rate", "-d", "--experiment"} <= names(COMMANDS["train"])
    assert {"--node", "--json"} <= names(COMMANDS["check model"])


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_and_option_is_on_the_page(words: str) -> None:
    command = COMMANDS[words]
    assert re.search(rf"`(backproof )?{words}\b", said_of(words)) or f"## `backproof {words}`" in PAGE
    missing = names(command) - off(command) - named(said_of(words))
    assert not missing, f"docs/command-line.md does not name {sorted(missing)} of backproof {words}"


@pytest.mark.parametrize("top", SECTIONS)
def test_no_option_on_the_page_is_made_up(top: str) -> None:
    own = {name for words, command in COMMANDS.items() if words.split()[0] == top for name in names(command)}
    assert named(SECTIONS[top]) <= own


def test_the_table_of_optimizers() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*?) ?\|$", SECTIONS["train"], re.MULTILINE)
    table = {name: named(own) for known, own in rows for name in re.findall(r"`(\w+)`", known)}
    shared = options_of(Optimizer)
    assert table == {
        name: {f"--{option.replace('_', '-')}" for option in options_of(kind) if option not in shared}
        for name, kind in OPTIMIZERS.items()
    }
