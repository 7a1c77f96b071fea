"""The command line. One thin file a command; each is imported only when it is called."""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from backproof import __version__
from backproof.cli.defaults import shown
from backproof.errors import CheckFailedError, UserError, command_line_name, options_named

app = App(
    name="backproof",
    help="Train the same network on engines written by hand and on PyTorch, and see that they agree. "
    "Every command takes --use FILE, a Python file with parts of your own.",
    version=__version__,
    version_flags=["--version"],
    help_format="plaintext",
    default_parameter=Parameter(show_default=shown),
)
app.command("backproof.cli.train:train", name="train", help_flags=[], help="Train one network, or several to compare.")
app.command("backproof.cli.infer:infer", name="infer", help="Let a run, or another network, look at images.")
app.command("backproof.cli.compare:compare", name="compare", help="Print a table of runs side by side.")
app.command("backproof.cli.report:report", name="report", help="Write one page that shows runs, for any browser.")
app.command("backproof.cli.export:export", name="export", help="Write a run or a model as a file for other programs.")
app.command("backproof.cli.models:models", name="models", help="List the models and their options.")
app.command("backproof.cli.fetch_weights:fetch_weights", name="fetch-weights", help="Download published weights.")
app.command("backproof.cli.engines:engines", name="engines", help="List the engines, and how to install missing ones.")
app.command("backproof.cli.data:app", name="data", help="List, look at, and make datasets.")
app.command("backproof.cli.check:app", name="check", help="Prove operations, optimizers and models right.")
app.command("backproof.cli.bench:app", name="bench", help="Time engines, PyTorch and scikit-learn side by side.")


@options_named(command_line_name)
def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command that `tokens` (by default the program's arguments) name, and return the exit code.

    0: done. 1: a check found something. 2: the user gave something that cannot be. Of both one sentence is on standard
    error. 130: Ctrl-C.
    """
    try:
        given = without_use(sys.argv[1:] if tokens is None else tokens)
        code: int | None = app(given, print_error=False, exit_on_error=False, result_action="return_value")
    except (UserError, CycloptsError) as error:
        print(f"backproof: {_sentence(error)}", file=sys.stderr)
        return 1 if isinstance(error, CheckFailedError) else 2
    except KeyboardInterrupt:
        return 130
    return code or 0


def without_use(tokens: Sequence[str]) -> list[str]:
    """The tokens without `--use FILE`, whose files are executed now: what they declare is then known to any command.

    `train` keeps the option, because the files belong to its runs.
    """
    left = list(tokens)
    if not left or left[0] == "train" or not any(token.partition("=")[0] == "--use" for token in left):
        return left
    from backproof.user_file import use

    rest: list[str] = []
    while left:
        option, equals, value = (token := left.pop(0)).partition("=")
        if option != "--use":
            rest.append(token)
        elif equals or left:
            use(value if equals else left.pop(0))
        else:
            raise UserError("--use needs a file, or the name of an installed package")
    return rest


def _sentence(error: Exception) -> str:
    """What is wrong; cyclopts' own words, but for the words that nobody reads, of which it prints a Python list."""
    if isinstance(error, UnusedCliTokensError):
        command = " ".join(("backproof", *(error.command_chain or ["train"])))  # only train reads its tokens itself
        words = " ".join(error.unused_tokens or ())
        return f"'{words}' means nothing here; `{command} --help` shows what can be given."
    return str(error)
