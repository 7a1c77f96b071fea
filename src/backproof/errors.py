"""Errors that a user can cause: one sentence each, in the words of whoever reads it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from string import Formatter

Naming = Callable[[str, str], str]
"""How an option is called: its name, and the value that the sentence gives it, or an empty text."""


class UserError(Exception):
    """Bad input: one clear sentence, without a full stop, that names the option, file or node and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """


class CheckFailedError(UserError):
    """A check that was to end the run found something. The command line exits with code 1, as `check` does."""


class DataError(UserError):
    """A dataset, or a file of one, that cannot be used."""


class ModelError(UserError):
    """A network, an operation or weights that cannot be."""


class NotInstalledError(UserError):
    """An engine or a library that is not installed; the sentence says how to install it."""


class RunError(UserError):
    """A run that cannot be found, read, kept or gone on with."""


def python_name(name: str, value: str) -> str:
    """batch_size, or batch_size=64."""
    return f"{name}={value}" if value else name


def command_line_name(name: str, value: str) -> str:
    """--batch-size, --batch-size 64, or --no-eval-dev."""
    dashed = name.replace("_", "-")
    if value in ("True", "False"):
        return f"--{'no-' if value == 'False' else ''}{dashed}"
    return f"--{dashed} {value}".rstrip()


_naming: ContextVar[Naming] = ContextVar("naming", default=python_name)


@contextmanager
def options_named(naming: Naming) -> Iterator[None]:
    """Within it, errors about options call them in this way; otherwise as in Python."""
    token = _naming.set(naming)
    try:
        yield
    finally:
        _naming.reset(token)


def named(sentence: str, *values: object, naming: Naming | None = None) -> str:
    """The sentence for whoever reads it: see `OptionError`; `naming` if options are called otherwise than usual."""
    naming, following, parts = naming or _naming.get(), iter(values), []
    for text, name, value, conversion in Formatter().parse(sentence):
        parts.append(text)
        if name:
            parts.append(naming(name, str(next(following)) if value == "{}" else value or ""))
        elif name == "":
            shown = next(following)
            parts.append(repr(shown) if conversion == "r" else format(shown, value or ""))
    return "".join(parts)


class OptionError(UserError):
    """An option whose value cannot be, or that does not go with another.

    The sentence is a template. `{batch_size}` stands for the option as the reader knows it: `--batch-size` at the
    command line, `batch_size` in Python, `[training] batch_size` in a file. `{eval_dev:False}` is an option with a
    value, and `{}` the next of `values`:

        raise OptionError("{stop_early} needs the dev cost; leave out {eval_dev:False}")
    """

    naming: Naming | None = None
    """How this error names options, wherever it is read; None: as is usual there."""
    place: str = ""
    """The file that the option stands in."""

    def __init__(self, sentence: str, *values: object) -> None:
        super().__init__(sentence, *values)
        self.sentence, self.values = sentence, values

    @property
    def option(self) -> str:
        """The option that the sentence names first."""
        return next((name for _, name, _, _ in Formatter().parse(self.sentence) if name), "")

    def __str__(self) -> str:
        sentence = named(self.sentence, *self.values, naming=self.naming)
        return f"{self.place}: {sentence}" if self.place else sentence


def suggestion(name: str, known: Iterable[str]) -> str:
    """The nearest names among `known`, or all of them if none is near."""
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"choose from: {', '.join(names)}"


def unknown(kind: str, name: str, known: Iterable[str], error: type[UserError] = UserError) -> UserError:
    """The error for a `name` that is none of `known`, offering the nearest ones."""
    return error(f"unknown {kind} '{name}'; {suggestion(name, known)}")
