"""Where JAX can compute on this machine."""

import jax

from backproof.errors import UserError


def devices() -> tuple[str, ...]:
    """The devices there are: cpu, cuda:0 and so on."""
    return ("cpu", *_accelerators())


def require_device(name: str) -> jax.Device:
    """The device `name`. Raises `UserError` if it is not there, listing what is."""
    found = {"cpu": jax.devices("cpu")[0]} | _accelerators()
    if name not in found and f"{name}:0" not in found:
        raise UserError(f"the jax engine has no device '{name}' here; there is: {', '.join(found)}")
    return found[name if name in found else f"{name}:0"]


def _accelerators() -> dict[str, jax.Device]:
    """What JAX sees besides the CPU. It calls CUDA devices "gpu", which everybody else calls "cuda"."""
    return {
        f"{'cuda' if device.platform == 'gpu' else device.platform}:{device.id}": device
        for device in jax.devices()
        if device.platform != "cpu"
    }
