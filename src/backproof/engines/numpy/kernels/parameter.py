"""Parameter: y = W, the weight itself, to which nobody writes.   dW = dy."""

from typing import ClassVar

import numpy as np

from backproof.engines.kernel import Saved, Slopes, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array, Arrays
from backproof.ops import Parameter


@computes(KERNELS, Parameter)
class ParameterKernel(NumpyKernel[Parameter]):
    """The sweep has summed dy over all who take the weight."""

    layout: ClassVar = "canonical"

    def forward(self, op: Parameter, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        if op.kind == "float":
            return p["weight"], ()
        y = call.borrow_output(op.shape, np.int64 if op.kind == "int" else np.bool_)
        y[...] = p["weight"]
        return y, ()

    def backward(self, op: Parameter, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace) -> Slopes:
        g["weight"][...] = dy
        return ()
