"""What each operator of ONNX becomes: one function an operator, one file a family, named as in `backproof.ops`.

Every module of this folder is imported, so that its functions are known.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
