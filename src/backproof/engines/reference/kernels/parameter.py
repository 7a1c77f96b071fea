"""Weights that stand by themselves."""

import numpy as np

from backproof.engines.kernel import Call, Kernel, Saved, Slopes, computes
from backproof.engines.reference.kernels.table import KERNELS
from backproof.graph import Array, Arrays
from backproof.ops import Parameter


@computes(KERNELS, Parameter)
class ParameterKernel(Kernel[Parameter, Call]):
    """y[i] = W[i]   so   ∂L/∂W[i] = dy[i]."""

    def forward(self, op: Parameter, inputs: tuple[Array, ...], p: Arrays, call: Call) -> tuple[Array, Saved]:
        return p["weight"].astype({"float": np.float64, "int": np.int64, "bool": np.bool_}[op.kind]), ()

    def backward(self, op: Parameter, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Call) -> Slopes:
        if "weight" in g:
            g["weight"][...] = dy
        return ()
