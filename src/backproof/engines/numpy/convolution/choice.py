"""Which way to compute a convolution, from its shapes alone, so that the choice is the same in every run."""

from functools import cache
from typing import ClassVar, Protocol

from backproof.engines.numpy.convolution.banded import Banded, together
from backproof.engines.numpy.convolution.geometry import Geometry
from backproof.engines.numpy.convolution.im2col import Im2col, Scatter, add_taps
from backproof.engines.numpy.convolution.pointwise import Pointwise
from backproof.engines.numpy.convolution.taps import Taps
from backproof.engines.numpy.convolution.winograd import Winograd
from backproof.engines.numpy.tuning import Tuning
from backproof.engines.numpy.workspace import Workspace
from backproof.graph import Array


class Algorithm(Protocol):
    """A way to compute a convolution of x (N, H, W, C) with W (kh, kw, C, O); see the package.

    Attributes:
        way: its name.
    """

    way: ClassVar[str]

    def forward(self, x: Array, W: Array, y: Array, call: Workspace) -> None:
        """Fill y."""
        ...

    def input_gradient(self, dy: Array, W: Array, dx: Array, call: Workspace) -> None:
        """Fill dx."""
        ...

    def weight_gradient(self, x: Array, dy: Array, dW: Array, call: Workspace) -> None:
        """Fill dW."""
        ...


@cache
def choose(
    geometry: Geometry,
    samples: int,
    channels: int,
    outputs: int,
    winograd: bool,
    tuning: Tuning,
    scatter: Scatter = add_taps,
) -> Algorithm:
    """The way for `samples` images from `channels` to `outputs` channels; `scatter` is im2col's.

    One matrix product for 1x1, Winograd for 3x3 where it pays, one product a tap for small maps, several output pixels
    together for few channels, else im2col.
    """
    if Pointwise.fits(geometry):
        return Pointwise(geometry)
    if winograd and Winograd.fits(geometry) and channels >= tuning.winograd_channels:
        m = tile(min(geometry.out))
        if m and pays(geometry, m, samples, channels, tuning):
            return Winograd(geometry, m)
    taps = Taps(geometry)
    if taps.share + tuning.taps_cost / channels <= 1:
        return taps
    t = together(geometry, samples, channels, outputs, tuning)
    if t > 1:
        return Banded(geometry, t)
    return Im2col(geometry, scatter)


def tile(size: int) -> int:
    """The tile for maps of this size: 4, or 3 where threes cover the map without waste; 0 for none."""
    if size < 4:
        return 0
    return 3 if size % 4 and size % 3 == 0 and size < 9 else 4


def pays(geometry: Geometry, m: int, samples: int, channels: int, tuning: Tuning) -> bool:
    """Whether there are so many tiles that Winograd saves more than transforming the weight costs."""
    tiles = samples * -(-geometry.out[0] // m) * -(-geometry.out[1] // m)
    return tiles >= channels * tuning.winograd_tiles
