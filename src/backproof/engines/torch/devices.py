"""Where PyTorch can compute on this machine."""

import torch

from backproof.engines.base import DType
from backproof.errors import OptionError, UserError


def devices() -> tuple[str, ...]:
    """The devices there are: cpu, cuda:0 and so on, mps."""
    cuda = (f"cuda:{i}" for i in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    return ("cpu", *cuda, *mps)


def require_device(name: str, dtype: DType) -> torch.device:
    """The device `name`. Raises `UserError` if it is not there, listing what is, or cannot compute in `dtype`.

    On CUDA it also asks for reproducible kernels and full float32 products: a comparison of engines wants both.
    """
    known = devices()
    if name not in known and not (name == "cuda" and "cuda:0" in known):
        raise UserError(f"the torch engine has no device '{name}' here; there is: {', '.join(known)}")
    if name == "mps" and dtype == "float64":
        raise OptionError("the device 'mps' cannot compute in float64; choose {dtype:float32} or {device:cpu}")
    device = torch.device(name)
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    return device
