"""Weights in files, by name: safetensors, and PyTorch's state dicts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from backproof.errors import ModelError, UserError
from backproof.graph import Array, Arrays

SAFETENSORS = (".safetensors",)
PYTORCH = (".pth", ".pt")

PART = "parameters/"
"""Where the weights are in a checkpoint of a run, beside the optimizer's state."""


def read_weights(path: str | Path) -> dict[str, Array]:
    """Arrays by name from a `.safetensors` file, or from a state dict that PyTorch saved as `.pth` or `.pt`.

    A checkpoint of a run, such as `runs/mlp-numpy/best.safetensors`, gives its weights. Of a `.pth` file nothing but
    weights is ever unpickled, so it cannot run code. Raises `UserError` for a file that is missing or is none of these.
    """
    path = Path(path)
    pytorch = _is_pytorch(path)
    if not path.is_file():
        raise ModelError(f"there is no file of weights '{path}'")
    if pytorch:
        from backproof.interchange.pth import read_state_dict

        return read_state_dict(path)
    return _read_safetensors(path)


def write_weights(path: str | Path, weights: Arrays) -> None:
    """Write arrays by name as `.safetensors`, or as a PyTorch state dict if `path` ends in `.pth` or `.pt`.

    A network whose parameters are named as a PyTorch module's gives a file that `load_state_dict` takes.
    Raises `UserError` for another suffix, or where the file cannot be written.
    """
    path = Path(path)
    content = weights_bytes(path, weights)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ModelError(f"cannot write '{path}': {error.strerror or error}") from error


def weights_bytes(path: str | Path, weights: Arrays) -> bytes:
    """The content of the file that `write_weights` writes. Raises `UserError` for another suffix."""
    return _pth_bytes(weights) if _is_pytorch(Path(path)) else _safetensors_bytes(weights)


def _is_pytorch(path: Path) -> bool:
    """Whether it is a file of PyTorch, and not of safetensors. Raises `UserError` if it is neither."""
    if path.suffix not in (*SAFETENSORS, *PYTORCH):
        raise ModelError(f"weights '{path}' must be a file that ends in {', '.join((*SAFETENSORS, *PYTORCH))}")
    return path.suffix in PYTORCH


def _read_safetensors(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: _tensor(path, file.get_tensor, name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"'{path}' cannot be read as safetensors: {error}") from error
    if any(name.startswith(PART) for name in arrays):
        return {name.removeprefix(PART): array for name, array in arrays.items() if name.startswith(PART)}
    return arrays


def _tensor(path: Path, get: Callable[[str], Array], name: str) -> Array:
    try:
        array = get(name)
    except TypeError as error:  # safetensors asks NumPy for a dtype that it has not
        raise _not_of_numpy(path, name, str(error).split("'")[1]) from error
    if array.dtype.kind == "V":  # some libraries (JAX) teach NumPy the names of such dtypes, but not to compute in them
        raise _not_of_numpy(path, name, array.dtype.name)
    return array


def _not_of_numpy(path: Path, name: str, dtype: str) -> UserError:
    return ModelError(f"'{name}' in '{path}' is {dtype}, which NumPy has not")


def _safetensors_bytes(weights: Arrays) -> bytes:
    from safetensors.numpy import save

    content: bytes = save({name: np.asarray(array, order="C") for name, array in weights.items()})
    return content


def _pth_bytes(weights: Arrays) -> bytes:
    from backproof.interchange.pth import state_dict_bytes

    return state_dict_bytes(weights)
