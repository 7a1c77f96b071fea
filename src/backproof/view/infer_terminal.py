"""Answers in the terminal: the first ones with bars, a bar over all of them, and what was measured."""

from time import monotonic
from typing import TYPE_CHECKING

from backproof.infer.stream import Answer, Inference
from backproof.infer.writing import Writer, foreground
from backproof.metrics import measure
from backproof.tables.numbers import written
from backproof.view.terminal import print_table, standard_console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

WIDTH = 24
"""Letters of a full bar."""

EIGHTHS = " ▏▎▍▌▋▊▉█"

REFRESH = 0.1
"""Seconds between two looks of the bar over all samples."""


def text_bar(share: float, width: int = WIDTH) -> str:
    """A bar of blocks, to an eighth of a letter.

    >>> text_bar(0.5, 4), text_bar(0.03, 4)
    ('██  ', '▏   ')
    """
    eighths = round(min(max(share, 0), 1) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + EIGHTHS[rest] * (rest > 0)).ljust(width)


class TerminalAnswers(Writer):
    """Prints the first `most` answers, and each sample that could not be used."""

    def __init__(self, inference: Inference, top: int, most: int, console: "Console | None" = None) -> None:
        """Write to `console`, or to standard output."""
        self._console = console or standard_console()
        self._model, self._top, self._most = inference.model, top, most
        self._printed = self._errors = self._seen = 0
        self._bar: Progress | None = None
        self._looked = 0.0
        if self._console.is_terminal and len(inference) > 1:
            from rich import progress

            self._bar = progress.Progress(
                progress.BarColumn(bar_width=30), progress.MofNCompleteColumn(), progress.TimeRemainingColumn(),
                console=self._console, transient=True, auto_refresh=False,
            )  # fmt: skip
            self._bar.start()
            self._task = self._bar.add_task("", total=len(inference))

    def add(self, answer: Answer) -> None:
        """Move the bar, and print."""
        self._seen += 1
        if self._bar is not None and (now := monotonic()) - self._looked > REFRESH:
            self._looked = now
            self._bar.update(self._task, completed=self._seen)
            self._bar.refresh()
        if answer.error:
            self._errors += 1
            if self._errors <= self._most:
                self._say(f"not used: {answer.error}", style="yellow")
        elif self._printed < self._most:
            self._printed += 1
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        names = self._model.classes
        if self._model.task == "regression":
            said = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, answer.values, strict=True))
            return self._say(f"{answer.name}: {said}")
        if self._model.task == "segmentation":
            share = foreground(answer.values)
            return self._say(f"{text_bar(share)} {100 * share:5.1f} %  {answer.name}")
        truth = "" if answer.truth is None else names[int(answer.truth)]
        ranked = answer.ranked[: self._top]
        right = not truth or names[ranked[0]] == truth
        self._say(answer.name, style="bold", end="" if truth else "\n")
        if truth:
            self._say(f"   {'right' if right else f'is {truth}'}", style="green" if right else "red")
        width = max(len(names[i]) for i in ranked)
        for place in ranked:
            value = float(answer.values[place])
            shown = f"{100 * value:6.2f} %  {text_bar(value)}" if self._model.scores != "numbers" else f"{value:10.4g}"
            self._say(f"  {names[place]:<{width}}  {shown}".rstrip())
        return None

    def close(self, inference: Inference, *, whole: bool) -> None:
        """What was measured, of how many."""
        if self._bar is not None:
            self._bar.stop()
        good = inference.done - inference.bad
        if good > self._printed:
            self._say(f"... and {good - self._printed:,} more", style="dim")
        if self._errors > self._most:
            self._say(f"... and {self._errors - self._most:,} more not used", style="yellow")
        if not whole:
            self._say(f"interrupted after {inference.done:,} of {len(inference):,}", style="yellow")
        for name, value in inference.measured.items():
            self._say(f"{measure(name).title}: {written(value, measure(name).unit)}")
        if inference.task.name == "classification" and inference.kept:
            for table in inference.task.tables(inference.kept)[:1]:
                if table.rows:
                    self._console.print()
                    print_table(table, self._console)
        if inference.agreement.apart:
            self._console.print()
            print_table(inference.agreement.table(), self._console)

    def _say(self, text: str, *, style: str = "", end: str = "\n") -> None:
        self._console.print(text, style=style, end=end, markup=False, highlight=False, soft_wrap=True)
