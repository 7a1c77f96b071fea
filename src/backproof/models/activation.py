"""What may follow a layer, by name."""

from backproof.errors import ModelError, unknown
from backproof.graph import Op
from backproof.ops import ELU, GELU, Hardtanh, LeakyReLU, ReLU, ReLU6, Sigmoid, SiLU, Softplus, Tanh

ACTIVATIONS: dict[str, Op] = {
    "relu": ReLU(),
    "leaky_relu": LeakyReLU(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "elu": ELU(),
    "gelu": GELU(),
    "silu": SiLU(),
    "softplus": Softplus(),
    "relu6": ReLU6(),
    "hardtanh": Hardtanh(),
}


def require_activation(name: str) -> Op:
    """The activation `name`. Raises `UserError` with the nearest names."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS, ModelError)
    return ACTIVATIONS[name]
