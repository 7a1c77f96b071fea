"""Ways to compute a convolution. Values (N, H, W, C), weight (kh, kw, C, O); all of them linear in both.

Each way is a class with a name and three methods, which fill the array given before the call:

    forward          y[n, h, w, o] = Σᵢⱼ꜀ x[n, h s + i d - p, w s + j d - p, c] W[i, j, c, o]
    input_gradient   dx: every dy goes back along the taps it came by
    weight_gradient  dW[i, j, c, o] = Σₙₕᵥ x[n, h s + i d - p, v s + j d - p, c] dy[n, h, v, o]
"""

from backproof.engines.numpy.convolution.choice import Algorithm, choose
from backproof.engines.numpy.convolution.few import FewOutputs
from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.convolution.im2col import Scatter, add_taps

__all__ = ["Algorithm", "FewOutputs", "Geometry", "Scatter", "add_taps", "choose"]
