"""Sizes and thresholds of this engine: at which shapes it takes which way, and how much it works on at a time.

They change how fast an engine computes, and the order of its sums, never what it computes. The defaults are measured,
on one thread unless said otherwise. `SMALL` makes arrays of a few numbers cross as many borders as large ones do.
"""

from dataclasses import dataclass, replace

from backproof.errors import OptionError


@dataclass(frozen=True)
class Tuning:
    """What an engine's ways are chosen by.

    Attributes:
        im2col_elements: elements of a block of rows: 1 MB in float32, half of a usual second-level cache.
        im2col_rows: rows of a block at least; fewer would spend the time on repacking the weight, not on multiplying.
        banded_channels: input channels up to which a banded weight pays; with more, im2col's rows are long enough.
        banded_columns: columns of its product, at most; with more, too much of the band is zeros.
        taps_cost: what it costs to gather and to add up the products of taps, in channels' worth of multiplying.
        winograd_channels: input channels from which Winograd's smaller products still run at full speed.
        not_finite: how large a sum is if some of its numbers are not finite, so that what was made of them is made
            anew, with care. Less makes checks of finite numbers take that way.
        winograd_tiles: tiles a channel from which transforming the weight costs less than it saves.
        winograd_elements: of the transformed tiles that are worked on together in prediction: 2 MB in float32.
        few_outputs: how many times more input channels than output channels there are, at least, where the taps of a
            prediction are added up after one product.
        norm_elements: elements of a block of normalisation; several of float32 fit in the second-level cache.
        norm_rows: rows of a block in Numba's loops: of 64 channels in float32 8 KB, a quarter of a first-level cache.
        norm_distance: how many deviations the mean of a column is from zero before the column is centred first. Up to
            there float32 loses no more than two digits without it.
        pool_elements: elements of the output that max-pooling works on together: every tap goes over them, and over
            their input.
        pool_channels: channels from which a tap's view is made of runs long enough for vector loops; with fewer it is
            copied once, into one piece.
        pool_taps: elements of a window from which the number of one no longer fits in a byte.
        linear_inputs: inputs from which a weight is kept (out, in), since the products then stream through it by rows.
        product_multiplications: in a product, at most, for which OpenBLAS copies nothing (its
            `sgemm_small_kernel_permit`).
        product_rows: rows of a block of a product at least: with fewer, the kernel waits for the right matrix.
        product_elements: of the output, at most, for which it copies nothing where the right matrix is transposed.
        product_columns: columns of a block there.
        product_terms: terms of a sum from which these pay.
        product_samples: up to which blocks win on one thread.
        product_bytes: of the right matrix, which every block reads anew, up to which blocks win.
        product_anywhere: whether products are cut whatever the BLAS, as a check of them wants.
        optimizer_elements: of weights, gradient and state that are worked on together: half a megabyte in float32.
        optimizer_sweep: steps after which state that has faded is set to 0.
        dirty: whether memory of undefined contents is filled with 1e10 before it is given away, and as soon as nobody
            needs it any more. So what reads it shows in a check, whatever lay there.
    """

    im2col_elements: int = 1 << 18
    im2col_rows: int = 1024
    banded_channels: int = 6
    banded_columns: int = 96
    taps_cost: float = 25
    winograd_channels: int = 64
    not_finite: float = float("inf")
    winograd_tiles: float = 0.25
    winograd_elements: int = 1 << 19
    few_outputs: float = 16
    norm_elements: int = 1 << 15
    norm_rows: int = 32
    norm_distance: float = 64
    pool_elements: int = 1 << 16
    pool_channels: int = 16
    pool_taps: int = 255
    linear_inputs: int = 8192
    product_multiplications: int = 1_000_000
    product_rows: int = 4
    product_elements: int = 1200
    product_columns: int = 8
    product_terms: int = 100
    product_samples: int = 64
    product_bytes: int = 1 << 20
    product_anywhere: bool = False
    optimizer_elements: int = 1 << 17
    optimizer_sweep: int = 64
    dirty: bool = False

    def __post_init__(self) -> None:
        for name in ("im2col_rows", "norm_rows", "product_rows", "product_columns", "optimizer_sweep"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} of a Tuning is {getattr(self, name)}; it must be 1 or more")

    def __hash__(self) -> int:
        """By a few fields, in which most of them differ: ways are looked up by tuning at every pass."""
        return hash((self.im2col_elements, self.taps_cost))


USUAL = Tuning()

SMALL = Tuning(
    im2col_elements=16,
    im2col_rows=6,
    banded_channels=1,
    banded_columns=8,
    taps_cost=0.4,
    winograd_channels=2,
    winograd_elements=16,
    few_outputs=2,
    norm_elements=8,
    norm_rows=4,
    norm_distance=0.25,
    pool_elements=16,
    pool_channels=2,
    pool_taps=9,
    linear_inputs=4,
    product_multiplications=24,
    product_rows=2,
    product_elements=6,
    product_columns=2,
    product_terms=3,
    product_anywhere=True,
    optimizer_elements=28,
    optimizer_sweep=3,
    dirty=True,
)
"""For checks: samples of a few numbers take every way, in first, middle and last blocks."""

PLAIN = replace(SMALL, taps_cost=float("inf"), few_outputs=float("inf"), not_finite=0, norm_distance=float("inf"))
"""The same with every convolution of more than a tap by im2col, if after another way, and no column centred first."""
