"""The command line. One thin file a command; each is imported only when it is called."""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from backproof import __version__
from backproof.cli.defaults import shown
from backproof.errors import UserError, command_line_name, options_named

app = App(
    name="backproof",
    help="Train the same network on engines written by hand and on PyTorch, and see that they agree.",
    version=__version__,
    version_flags=["--version"],
    help_format="plaintext",
    default_parameter=Parameter(show_default=shown),
)
app.command("backproof.cli.train:train", name="train", help_flags=[], help="Train one network, or several to compare.")
app.command("backproof.cli.compare:compare", name="compare", help="Print a table of runs side by side.")
app.command("backproof.cli.report:report", name="report", help="Write one page that shows runs, for any browser.")
app.command("backproof.cli.models:models", name="models", help="List the models and their options.")
app.command("backproof.cli.engines:engines", name="engines", help="List the engines, and how to install missing ones.")
app.command("backproof.cli.data:app", name="data", help="List, look at, and make datasets.")
app.command("backproof.cli.check:app", name="check", help="Prove operations, optimizers and models right.")
app.command("backproof.cli.bench:app", name="bench", help="Time engines, PyTorch and scikit-learn side by side.")


@options_named(command_line_name)
def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command that `tokens` (by default the program's arguments) name, and return the exit code.

    0: done. 2: the user gave something that cannot be; one sentence about it is on standard error. 130: Ctrl-C.
    """
    try:
        code: int | None = app(tokens, print_error=False, exit_on_error=False, result_action="return_value")
    except (UserError, CycloptsError) as error:
        print(f"backproof: {_sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code or 0


def _sentence(error: Exception) -> str:
    """What is wrong; cyclopts' own words, but for the words that nobody reads, of which it prints a Python list."""
    if isinstance(error, UnusedCliTokensError):
        command = " ".join(("backproof", *(error.command_chain or ["train"])))  # only train reads its tokens itself
        words = " ".join(error.unused_tokens or ())
        return f"'{words}' means nothing here; `{command} --help` shows what can be given."
    return str(error)
