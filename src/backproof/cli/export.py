"""`backproof export`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from backproof.cli.lists import Numbers
from backproof.interchange.onnx import OPSET

Texts = Annotated[tuple[str, ...], Parameter(negative=())]


def export(
    model: str,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    opset: int = OPSET,
    preprocess: bool = False,
    which: Literal["last", "best"] | None = None,
    weights: str = "",
    weights_skip: Texts = (),
    input: Numbers = (),
    classes: Annotated[tuple[str, ...] | None, Parameter(negative=())] = None,
    model_option: Texts = (),
    use_kept: bool = False,
) -> None:
    """Write a run or a model as ONNX, or its weights alone for PyTorch and others.

    A file of ONNX is checked, run by ONNX Runtime and compared with the network before it is kept. It holds the names
    of the classes and the preprocessing as metadata.

    Parameters
    ----------
    model
        A run such as runs/mlp-numpy, a model's name, path/to/file.py:function, or an .onnx file.
    output
        The file to write: .onnx, or .safetensors, .pth or .pt for the weights alone.
    opset
        The version of ONNX's operators.
    preprocess
        Begin the .onnx with the preprocessing, so that it takes pixels: bytes of shape (N, height, width, channels).
    which
        Of a run: the weights of its last or of its best epoch; those that it ended with if not given.
    weights
        Of a model: its weights, a .safetensors or .pth file; without, those that the seed 0 draws.
    weights_skip
        Of a model: a layer that is not taken from that file; may be given many times.
    input
        Of a model: the shape of one sample: channels, height and width as 1,28,28, or the number of features.
    classes
        Of a model: how many classes there are, or, given many times, their names.
    model_option
        Of a model: an option of its own, as KEY=VALUE; may be given many times.
    use_kept
        Of a run: execute the copies of your own files that it keeps.
    """
    from backproof.infer import export as write
    from backproof.infer import load_model

    loaded = load_model(
        model,
        weights=weights,
        weights_skip=weights_skip,
        input=input or None,
        classes=_classes(classes),
        model_options=model_option,
        which=which,
        use_kept=use_kept,
    )
    written = write(loaded, output, opset=opset, preprocess=preprocess)
    print(f"{written.path}: {written.parameters:,} numbers in {_size(written.size)}, {loaded.origin}")
    if written.difference is not None:
        print(
            f"opset {opset}; checked by onnx, and ONNX Runtime's output differs from ours by {written.difference:.0e} "
            f"of its largest number"
        )


def _classes(given: tuple[str, ...] | None) -> int | tuple[str, ...] | None:
    """One whole number says how many; else they are names."""
    return int(given[0]) if given and len(given) == 1 and given[0].isdecimal() else given or None


def _size(count: int) -> str:
    """In the largest unit that it has one of."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
