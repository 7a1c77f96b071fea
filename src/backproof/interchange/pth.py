"""PyTorch's state dicts, in and out. PyTorch is imported for its file format alone."""

import io
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Array, Arrays

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Under which training scripts put the state dict beside other things that they keep."""

PARALLEL = "module."
"""What PyTorch's DataParallel puts before every name."""


def read_state_dict(path: Path) -> dict[str, Array]:
    """The state dict in a file of `torch.save`, read with `weights_only`.

    Raises `UserError` if PyTorch is not installed, or the file holds no state dict or more than plain tensors.
    """
    torch = _require_torch(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged file makes PyTorch's unpickler stumble over anything: KeyError, struct.error
        raise ModelError(
            f"'{path}' holds no weights, or more than weights, which could run code and is not read; "
            f"write one with torch.save(model.state_dict(), path)"
        ) from error
    for name in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"'{path}' holds a {type(content).__name__}, not a state dict of names and tensors")
    for name, value in content.items():
        if not isinstance(name, str):
            raise ModelError(f"'{path}' is no state dict: {name!r} in it is no name")
        if not isinstance(value, torch.Tensor):
            raise ModelError(f"'{path}' is no state dict: '{name}' in it is no tensor")
    parallel = all(name.startswith(PARALLEL) for name in content)
    return {name.removeprefix(PARALLEL if parallel else ""): _array(torch, t) for name, t in content.items()}


def state_dict_bytes(weights: Arrays) -> bytes:
    """Arrays by name as `torch.save` writes a state dict."""
    torch = _require_torch(None)
    file = io.BytesIO()
    torch.save({name: torch.from_numpy(np.array(array, order="C")) for name, array in weights.items()}, file)
    return file.getvalue()


def _require_torch(path: Path | None) -> ModuleType:
    if find_spec("torch") is None:
        file = "a file of PyTorch" if path is None else f"'{path}'"
        raise ModelError(
            f"{file} needs PyTorch, which is not installed: pip install 'backproof[torch]', or take .safetensors"
        )
    import torch

    return torch


def _array(torch: Any, tensor: Any) -> Array:
    """As NumPy's, in memory of its own; bfloat16, which NumPy lacks, as float32."""
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return np.array(tensor.detach().numpy())
