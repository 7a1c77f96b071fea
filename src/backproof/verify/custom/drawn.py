"""A case of a user's operation with all its numbers, and what a kernel makes of it, alone and among other calls."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from backproof.engines import Mode
from backproof.engines.kernel import Call, Kernel
from backproof.graph import Array, Loss, Op, ParameterSpec, Sample
from backproof.verify.core.case import Results
from backproof.verify.core.location import OUTPUT, Location

AnyKernel = Kernel[Any, Any]


@dataclass(frozen=True)
class Drawn:
    """One call of a kernel, with everything that goes in.

    Attributes:
        sample: the operation, the shapes of its inputs, and whether it trains.
        inputs: float64, or int64 labels.
        parameters: by local name, float64.
        dy: the gradient of the output.
        mode: how the pass is taken.
        other: another call of the same kernel, which comes in between; None if there is none.
        calls: how often the kernel has been called when the case is looked at.
    """

    sample: Sample
    inputs: tuple[Array, ...]
    parameters: dict[str, Array]
    dy: Array
    mode: Mode
    other: "Drawn | None" = None
    calls: int = 2

    @property
    def op(self) -> Op:
        """The operation."""
        return self.sample.op

    @property
    def trainable(self) -> tuple[str, ...]:
        """The parameters that have gradients."""
        return tuple(name for name, spec in self.specs.items() if spec.trainable)

    @property
    def specs(self) -> dict[str, ParameterSpec]:
        """The parameters as the operation declares them."""
        return self.op.parameters(*self.sample.declared)

    @property
    def floats(self) -> tuple[int, ...]:
        """Places of the inputs that have gradients."""
        return tuple(i for i, x in enumerate(self.inputs) if x.dtype.kind == "f")

    @property
    def elements(self) -> int:
        """How many numbers go in."""
        return sum(x.size for x in (*self.inputs, *self.parameters.values(), self.dy))

    def arrays(self) -> dict[Location, Array]:
        """The float arrays that gradients belong to, by the place of those gradients."""
        inputs = {of_input(i): self.inputs[i] for i in self.floats}
        return inputs | {Location("gradient of parameter", n): self.parameters[n] for n in self.trainable}

    def moved(self, change: dict[Location, Array]) -> "Drawn":
        """The case with something added to some of `arrays`."""
        inputs = tuple(x + change[of_input(i)] if of_input(i) in change else x for i, x in enumerate(self.inputs))
        parameters = {
            name: value + change.get(Location("gradient of parameter", name), 0)
            for name, value in self.parameters.items()
        }
        return replace(self, inputs=inputs, parameters=parameters)

    def in_mode(self, **changes: Any) -> "Drawn":
        """The case in another mode."""
        mode = replace(self.mode, **changes)
        return replace(self, mode=mode, sample=replace(self.sample, training=mode.training))

    def __str__(self) -> str:
        step = f", step {self.mode.step}" if self.mode.step else ""
        shapes = f" on {', '.join(map(str, self.sample.shapes))}" if self.sample.shapes else ""
        return f"{self.op}{shapes} [{'train' if self.mode.training else 'eval'}{step}]"


def of_input(place: int) -> Location:
    """The gradient of an input."""
    return Location("gradient of input", f"x{place}")


def output_shape(sample: Sample) -> tuple[int, ...]:
    """The shape of what comes out. Raises what the operation raises for shapes that do not fit."""
    return sample.op.output_shape(*sample.declared).bind(sample.batch)


class Pass:
    """One forward and one backward pass of a kernel over a case, which may be taken apart."""

    def __init__(self, kernel: AnyKernel, case: Drawn) -> None:
        self._kernel = kernel
        self._case = case
        self._call = Call("op", tuple(x.dtype.kind == "f" for x in case.inputs))
        self._call.mode = case.mode
        self._saved: tuple[Any, ...] = ()

    def forward(self) -> Results:
        """The output, and new values of parameters that are not trained."""
        y, self._saved = self._kernel.forward(self._case.op, self._case.inputs, self._case.parameters, self._call)
        state = {Location("state", name): np.array(value) for name, value in self._call.state.items()}
        return {OUTPUT: np.array(y)} | state

    def backward(self) -> Results:
        """The gradients."""
        case = self._case
        g = {name: np.empty_like(case.parameters[name]) for name in case.trainable}
        slopes = self._kernel.backward(case.op, case.dy, self._saved, case.parameters, g, self._call)
        found = {of_input(i): np.array(dx) for i, dx in enumerate(slopes) if dx is not None}
        return found | {Location("gradient of parameter", name): value for name, value in g.items()}


def compute(kernel: AnyKernel, case: Drawn) -> Results:
    """Everything that a kernel makes of a case."""
    one = Pass(kernel, case)
    return one.forward() | one.backward()


def interleaved(kernel: AnyKernel, case: Drawn, other: Drawn) -> Results:
    """What a kernel makes of a case while another is under way, as where a network has the operation twice."""
    one, two = Pass(kernel, case), Pass(kernel, other)
    found = one.forward()
    two.forward()
    found |= one.backward()
    two.backward()
    return found


def value_of(kernel: AnyKernel, case: Drawn) -> float:
    """<dy, y>, the number whose gradient `backward` is."""
    return float(np.sum(case.dy * Pass(kernel, case).forward()[OUTPUT]))


def draw_dy(sample: Sample, rng: np.random.Generator) -> Array:
    """A gradient of the output without any symmetry. That of a loss is not 1 where it is one of several."""
    shape = output_shape(sample)
    return np.array(rng.uniform(0.5, 1.5)) if isinstance(sample.op, Loss) else rng.standard_normal(shape)


def elements_of(sample: Sample) -> int:
    """How many numbers go in, and come out."""
    return sum(prod(shape) for shape in sample.shapes) + prod(output_shape(sample))
