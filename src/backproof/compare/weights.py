"""How far the weights of two runs are apart."""

from dataclasses import dataclass

import numpy as np

from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.runs.store import Run, RunSnapshot, Which


@dataclass(frozen=True)
class Distance:
    """Between two arrays of one shape.

    Attributes:
        maximum: max |a - b|.
        relative: ‖a - b‖₂ / max(‖a‖₂, ‖b‖₂); 0 where both are zero.
    """

    maximum: float
    relative: float

    @classmethod
    def of(cls, a: Array, b: Array) -> "Distance":
        """Computed in float64, whatever the arrays are."""
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        difference = a - b
        scale = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
        apart = float(np.linalg.norm(difference))
        return cls(float(np.max(np.abs(difference), initial=0.0)), apart / scale if scale else 0.0)


@dataclass(frozen=True)
class WeightDistance:
    """Two runs' weights compared, running statistics included.

    Attributes:
        runs: names of the two.
        overall: over all parameters as one long vector.
        parameters: by full parameter name.
    """

    runs: tuple[str, str]
    overall: Distance
    parameters: dict[str, Distance]


def weight_distance(a: Run | RunSnapshot, b: Run | RunSnapshot, which: Which = "last") -> WeightDistance:
    """How far apart the weights of two runs of the same network are.

    Raises `UserError` if the networks differ, or a run has not yet kept weights.
    """
    return WeightDistance((a.name, b.name), *distances(a.weights(which), b.weights(which), (a.name, b.name)))


def distances(a: Arrays, b: Arrays, names: tuple[str, str] = ("a", "b")) -> tuple[Distance, dict[str, Distance]]:
    """The distance over all arrays, and by name. Raises `UserError` unless names and shapes are the same."""
    for name in [*a, *b]:
        if name not in a or name not in b or a[name].shape != b[name].shape:
            shapes = [str(arrays[name].shape) if name in arrays else "missing" for arrays in (a, b)]
            raise UserError(
                f"the weights of {names[0]} and {names[1]} cannot be compared: "
                f"'{name}' is {shapes[0]} in the one and {shapes[1]} in the other"
            )
    if not a:
        raise UserError(f"{names[0]} and {names[1]} have no weights to compare")
    flat_a, flat_b = (np.concatenate([np.ravel(arrays[name]) for name in a]) for arrays in (a, b))
    return Distance.of(flat_a, flat_b), {name: Distance.of(a[name], b[name]) for name in a}
