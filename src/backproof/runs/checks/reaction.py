"""What a check does when it finds something: warn, end the run, or stop in the debugger."""

import sys
from pdb import Pdb
from signal import SIGINT, raise_signal

from backproof.errors import CheckFailedError
from backproof.runs.spec import Reaction


class Debugger(Pdb):
    """pdb in which quitting (q, exit, Ctrl-D) ends the run as Ctrl-C does: after the step under way, all kept."""

    def __init__(self) -> None:
        super().__init__(nosigint=True)

    def cmdloop(self, intro: str | None = None) -> None:
        """Where nobody can type, because standard input is closed, it is as if Ctrl-D had been pressed."""
        if sys.stdin is None or sys.stdin.closed:
            self.onecmd("EOF")
        else:
            super().cmdloop(intro)

    def do_quit(self, arg: str) -> bool | None:
        raise_signal(SIGINT)
        return self.do_continue(arg)

    do_q = do_exit = do_EOF = do_quit  # noqa: N815  (pdb's own name)


def react(reaction: Reaction, message: str) -> None:
    """Whoever checks has reported `message` already. "error" raises `CheckFailedError`, "pdb" stops in the caller."""
    if reaction == "error":
        raise CheckFailedError(message)
    if reaction == "pdb":
        Debugger().set_trace(sys._getframe(1))
