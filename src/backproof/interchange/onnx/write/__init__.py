"""Networks as files of ONNX. Every operation by one small function, the same file names as in `backproof.ops`."""

from importlib import import_module
from pkgutil import iter_modules

from backproof.interchange.onnx.write.model import onnx_bytes, structure
from backproof.interchange.onnx.write.table import WRITERS

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["WRITERS", "onnx_bytes", "structure"]
