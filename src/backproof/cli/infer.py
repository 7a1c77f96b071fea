"""`backproof infer`."""

from backproof.cli.options import Table, with_options
from backproof.data.options import PreprocessingOptions
from backproof.errors import OptionError
from backproof.infer.options import AnswerOptions, ExplainOptions, InferOptions, LoadingOptions
from backproof.option import options_of


@with_options(
    answers=options_of(AnswerOptions),
    computing=options_of(InferOptions),
    explaining=options_of(ExplainOptions),
    network=options_of(LoadingOptions),
    preprocessing=options_of(PreprocessingOptions),
)
def infer(
    model: str,
    input: str,
    /,
    *inputs: str,
    answers: Table | None = None,
    computing: Table | None = None,
    explaining: Table | None = None,
    network: Table | None = None,
    preprocessing: Table | None = None,
) -> int:
    """Let a network look at images: classes with their probabilities, masks and cut-outs, or numbers.

    Where right answers are known it is measured too: of images in folders called as the classes, of images with masks,
    of arrays with targets. Preprocessing is the run's own, or what the file says; options here go before it.
    The exit code is 0 if all went well, 1 if an image could not be used or engines disagree.

    Parameters
    ----------
    model
        A run, such as runs/mlp-numpy; an .onnx file; or a registered model with --weights.
    input
        An image, a folder of images, or an .npz file.
    inputs
        More of them.
    """
    from dataclasses import replace

    from backproof.infer.explain.writing import Explanations
    from backproof.infer.start import load_with, start
    from backproof.infer.writing import Writer
    from backproof.view.infer_files import carry_out, writers_into
    from backproof.view.infer_terminal import TerminalAnswers

    wanted, options = AnswerOptions(**answers or {}), InferOptions(**computing or {})
    why = ExplainOptions(**explaining or {})
    if why.explain and wanted.output is None:
        raise OptionError("{explain:{}} draws pictures; name a folder for them with {output:FOLDER}", why.explain)
    every = (input, *inputs)
    loaded = load_with(model, LoadingOptions(**network or {}))
    steps = replace(loaded.preprocessing or PreprocessingOptions(), **preprocessing or {})
    inference = start(loaded, every, options, steps, keep_x=bool(why.explain))
    print(f"{loaded.origin}, on {', '.join(inference.predictors)}")
    if loaded.preprocessing is None and not preprocessing:
        print("note: nothing is known of the model's preprocessing: pixels are 0 to 1; --resize, --mean, --std say it")
    for samples in inference.samples:
        if samples.note:
            print(f"note: {samples.note}")
    folder, files = wanted.output, list[Writer]()

    def writers() -> list[Writer]:
        if folder is not None:
            files.extend(writers_into(folder, wanted.what, inference, every, wanted.top, why))
        return [*files, TerminalAnswers(inference, wanted.top, wanted.show)]

    whole = carry_out(inference, writers)
    if folder is not None:
        print(f"answers written to {folder}")
    for writer in files:
        if isinstance(writer, Explanations) and len(writer.engines) > 1:
            apart = ", ".join(f"{method} {distance:.0e}" for method, distance in writer.apart.items())
            print(f"explanations of {' and '.join(writer.engines)} are apart by at most: {apart}")
    if not whole:
        return 130
    return 1 if inference.bad or not inference.agreement.agrees else 0
