"""A folder of answers, and the loop that fills it."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import perf_counter

from backproof.errors import OptionError, UserError, suggestion
from backproof.infer.explain.writing import Explanations
from backproof.infer.options import ExplainOptions
from backproof.infer.stream import Inference
from backproof.infer.writing import DRAWN, OF_MASKS, WRITTEN, ContactSheet, CsvFile, JsonFile, Pictures, Writer
from backproof.train.interruption import Interruption
from backproof.view.infer_page import PageFile


def writers_into(
    folder: Path,
    what: Sequence[str],
    inference: Inference,
    inputs: Sequence[str],
    top: int,
    explaining: ExplainOptions | None = None,
) -> list[Writer]:
    """Those that write `what`, all that fits the task if empty, into `folder`; and explanations, if they are asked for.

    Raises `UserError` for what is not known, does not fit the task, or cannot be written.
    """
    model = inference.model
    masks = model.task == "segmentation"
    for name in what:
        if name not in WRITTEN:
            raise OptionError("{write} has '{}'; {}", name, suggestion(name, WRITTEN))
        if name in OF_MASKS and not masks:
            raise OptionError("{write} has '{}', which is for masks, and model '{}' gives none", name, model.name)
    wanted = what or [name for name in WRITTEN if masks or name not in OF_MASKS]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    made: dict[str, Callable[[], Writer]] = {
        "csv": lambda: CsvFile(folder / "answers.csv", model, top),
        "json": lambda: JsonFile(folder / "answers.json", model, top),
        "page": lambda: PageFile(folder / "index.html", inference, inputs, top),
        "sheet": lambda: ContactSheet(folder / "contact-sheet.png", model.name),
    }
    made |= {name: partial(Pictures, folder / name, draw) for name, draw in DRAWN.items()}
    if explaining is None or not explaining.explain:
        return [make() for name, make in made.items() if name in wanted]
    explanations = Explanations(folder / "explain", model, tuple(inference.predictors), explaining)
    writers = [make() for name, make in made.items() if name in wanted]
    for writer in writers:
        if isinstance(writer, PageFile):
            writer.further = explanations.beside
    return [explanations, *writers]


def carry_out(inference: Inference, make: Callable[[], Sequence[Writer]]) -> bool:
    """Take all answers and give each to all writers. Whatever ends it, what was written is whole.

    `make` gives the writers when the first answer is there, so that nothing is written if there is none. Returns False
    where Ctrl-C ended it, between two batches.
    """
    begin, whole = perf_counter(), False

    def close(writer: Writer) -> None:
        if isinstance(writer, PageFile):
            writer.seconds = perf_counter() - begin
        writer.close(inference, whole=whole)

    with Interruption() as interruption, ExitStack() as closing:
        writers: Sequence[Writer] | None = None
        for answer in inference:
            if writers is None:
                writers = make()
                for writer in reversed(writers):
                    closing.callback(close, writer)
            for writer in writers:
                writer.add(answer)
            if interruption.requested and not inference.left:
                break
        else:
            whole = True
    return whole
