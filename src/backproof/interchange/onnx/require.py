"""The extra that files of ONNX need."""

from importlib.util import find_spec

from backproof.errors import NotInstalledError


def require_onnx(what: str) -> None:
    """Raise `UserError` if the library `onnx` is not installed, which `what` needs."""
    if find_spec("onnx") is None:
        raise NotInstalledError(f"{what} needs onnx, which is not installed: pip install 'backproof[onnx]'")
