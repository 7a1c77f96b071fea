"""Initial weights: drawn once in NumPy from (seed, parameter name), given to every engine.

The generator of a parameter depends on nothing but the seed and the parameter's name, so adding a layer
changes no other layer's weights.
"""

from collections.abc import Callable
from hashlib import sha256
from inspect import isfunction
from math import sqrt

import numpy as np
import numpy.typing as npt

from backproof.errors import ModelError
from backproof.graph.graph import Graph
from backproof.graph.op import ParameterSpec
from backproof.registry import Registry
from backproof.user_file import reporting_failures

Draw = Callable[[np.random.Generator, ParameterSpec], npt.NDArray[np.float64]]

INITIALIZERS: Registry[Draw] = Registry("initializer", isfunction)
"""Every initializer by name."""


def initializer(*names: str) -> Callable[[Draw], Draw]:
    """Decorator: this function (generator, `ParameterSpec`) -> weights is the initializer of these names."""

    def register(draw: Draw) -> Draw:
        for name in names:
            INITIALIZERS.add(name, draw)
        return draw

    return register


def _uniform(rng: np.random.Generator, spec: ParameterSpec, bound: float) -> npt.NDArray[np.float64]:
    return rng.uniform(-bound, bound, spec.shape)


@initializer("glorot_normal", "xavier_normal")
def glorot_normal(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """N(0, 2 / (fan_in + fan_out)).  Glorot & Bengio 2010."""
    return rng.standard_normal(spec.shape) * sqrt(2 / (spec.fan_in + spec.fan_out))


@initializer("glorot_uniform", "xavier_uniform")
def glorot_uniform(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """U(±√(6 / (fan_in + fan_out))).  Glorot & Bengio 2010, eq. 16."""
    return _uniform(rng, spec, sqrt(6 / (spec.fan_in + spec.fan_out)))


@initializer("kaiming_normal", "he_normal")
def kaiming_normal(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """N(0, 2 / fan_in).  He et al. 2015, eq. 10.  Hobby code writes it `randn / sqrt(fan_in / 2)`."""
    return rng.standard_normal(spec.shape) * sqrt(2 / spec.fan_in)


@initializer("kaiming_uniform", "he_uniform")
def kaiming_uniform(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """U(±√(6 / fan_in)).  He et al. 2015, with gain √2."""
    return _uniform(rng, spec, sqrt(6 / spec.fan_in))


@initializer("lecun_normal")
def lecun_normal(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """N(0, 1 / fan_in).  LeCun et al. 1998, section 4.6.  Hobby code writes it `randn / sqrt(fan_in)`."""
    return rng.standard_normal(spec.shape) * sqrt(1 / spec.fan_in)


@initializer("lecun_uniform")
def lecun_uniform(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """U(±√(3 / fan_in)): the variance of LeCun et al. 1998, uniform."""
    return _uniform(rng, spec, sqrt(3 / spec.fan_in))


@initializer("normal")
def normal(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """N(0, 0.01²), whatever the fan."""
    return rng.standard_normal(spec.shape) * 0.01


@initializer("uniform")
def uniform(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """U(±0.05), whatever the fan: Keras's RandomUniform."""
    return _uniform(rng, spec, 0.05)


@initializer("zeros")
def zeros(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:  # noqa: ARG001
    """All 0."""
    return np.zeros(spec.shape)


@initializer("ones")
def ones(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:  # noqa: ARG001
    """All 1."""
    return np.ones(spec.shape)


@initializer("quarter")
def quarter(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:  # noqa: ARG001
    """All 1/4, where the slopes of PReLU start.  He et al. 2015."""
    return np.full(spec.shape, 0.25)


@initializer("orthogonal")
def orthogonal(rng: np.random.Generator, spec: ParameterSpec) -> npt.NDArray[np.float64]:
    """Orthonormal rows or columns, whichever are fewer, of the weight seen as (out, rest).

    Saxe et al. 2014. The sign of R's diagonal makes Q uniform over the orthogonal group (Mezzadri 2007).
    """
    rows, columns = spec.shape[0], int(np.prod(spec.shape[1:]))
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    return np.ascontiguousarray(q if rows >= columns else q.T).reshape(spec.shape)


def generator(seed: int, name: str) -> np.random.Generator:
    """The random generator of one named purpose: the same on every machine."""
    digest = sha256(f"{seed}/{name}".encode()).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], "little")))


def initial_parameters(
    graph: Graph, seed: int = 0, initializer: str = "kaiming_normal"
) -> dict[str, npt.NDArray[np.float64]]:
    """Draw every parameter of `graph`: float64, canonical layout, by full name.

    `initializer` fills the parameters whose operation leaves the choice to the run.
    Raises `UserError` for an unknown initializer, or `orthogonal` on a parameter of fewer than two axes.
    """
    INITIALIZERS.require(initializer)
    values = {}
    for name, spec in graph.parameters.items():
        chosen = spec.initializer or initializer
        if chosen == "orthogonal" and len(spec.shape) < 2:
            raise ModelError(f"'{name}' has shape {spec.shape}; the initializer 'orthogonal' needs two axes or more")
        draw = INITIALIZERS.require(chosen)
        with reporting_failures(draw, f"initializer '{chosen}'"):
            values[name] = draw(generator(seed, name), spec)
    return values
