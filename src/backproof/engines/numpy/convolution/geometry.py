"""Which input pixel meets which tap of the kernel for which output pixel."""

from dataclasses import dataclass, replace

import numpy as np

from backproof.engines.numpy.workspace import Pool
from backproof.graph import Array

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """A convolution's window along height and width.

    Tap (i, j) of output pixel (h, w) meets input pixel (h s + i d - top, w s + j d - left).
    """

    size: Pair
    out: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    top_left: Pair

    @property
    def bottom_right(self) -> Pair:
        """Rows and columns that the last window reaches beyond the input; less than 0 where it stays inside."""
        reach = [
            (out - 1) * s + (k - 1) * d + 1
            for out, s, k, d in zip(self.out, self.stride, self.kernel, self.dilation, strict=True)
        ]
        return reach[0] - self.top_left[0] - self.size[0], reach[1] - self.top_left[1] - self.size[1]

    @property
    def inside(self) -> bool:
        """Whether no window reaches beyond the input."""
        return min(self.top_left) >= 0 >= max(*self.top_left, *self.bottom_right)

    @property
    def overlaps(self) -> bool:
        """Whether an input pixel may be met more than once."""
        return any((k - 1) * d >= s for k, d, s in zip(self.kernel, self.dilation, self.stride, strict=True))

    def live_taps(self) -> tuple[slice, slice]:
        """The rows and columns of taps that ever meet the input: of a 3x3 kernel on one padded pixel, the centre."""
        rows, columns = (self._live(axis) for axis in (0, 1))
        return rows, columns

    def _live(self, axis: int) -> slice:
        last = (self.out[axis] - 1) * self.stride[axis]
        taps = [
            i
            for i in range(self.kernel[axis])
            if self._meets(i * self.dilation[axis] - self.top_left[axis], last, axis)
        ]
        return slice(taps[0], taps[-1] + 1) if taps else slice(0, 1)

    def _meets(self, first: int, last: int, axis: int) -> bool:
        return first < self.size[axis] and first + last >= 0

    def meets(self, i: int, j: int) -> Array:
        """For which output pixels tap (i, j) meets the input, (Ho, Wo)."""
        places = [
            np.arange(out) * s + tap * d - before
            for tap, out, s, d, before in zip((i, j), self.out, self.stride, self.dilation, self.top_left, strict=True)
        ]
        rows, columns = ((place >= 0) & (place < size) for place, size in zip(places, self.size, strict=True))
        return rows[:, None] & columns

    def cropped(self, rows: slice, columns: slice) -> "Geometry":
        """The same window with only these taps."""
        return replace(
            self,
            kernel=(rows.stop - rows.start, columns.stop - columns.start),
            top_left=(
                self.top_left[0] - rows.start * self.dilation[0],
                self.top_left[1] - columns.start * self.dilation[1],
            ),
        )

    def flipped(self) -> "Geometry":
        """The window of the gradient with respect to the input, at stride 1: from `out` back to `size`."""
        (kh, kw), (dh, dw), (top, left) = self.kernel, self.dilation, self.top_left
        return replace(self, size=self.out, out=self.size, top_left=((kh - 1) * dh - top, (kw - 1) * dw - left))

    def padded(self, x: Array, pool: Pool, value: float = 0.0) -> Array:
        """x (N, H, W, C) with all that the windows reach, `value` outside; x itself or a view where it suffices."""
        (top, left), (bottom, right) = self.top_left, self.bottom_right
        x = x[:, max(0, -top) :, max(0, -left) :]
        top, left = max(0, top), max(0, left)
        height, width = x.shape[1], x.shape[2]
        if top == left == 0 and bottom <= 0 and right <= 0:
            return x[:, : height + bottom, : width + right]
        rows, columns = max(0, min(height, height + bottom)), max(0, min(width, width + right))
        padded = pool.scratch("padded", (len(x), top + height + bottom, left + width + right, x.shape[3]))
        padded[:, :top] = value
        padded[:, top + rows :] = value
        padded[:, top : top + rows, :left] = value
        padded[:, top : top + rows, left + columns :] = value
        padded[:, top : top + rows, left : left + columns] = x[:, :rows, :columns]
        return padded

    def zeros(self, dx: Array, pool: Pool) -> Array:
        """Zeros that hold all that the windows reach, to add gradients to; dx itself where it suffices."""
        (top, left), (bottom, right) = self.top_left, self.bottom_right
        shape = (len(dx), self.size[0] + top + bottom, self.size[1] + left + right, dx.shape[3])
        zeros = dx if self.inside else pool.scratch("dpadded", shape)
        zeros[...] = 0
        return zeros

    def unpadded(self, padded: Array, dx: Array) -> None:
        """The reverse of `padded` for gradients: dx from what `zeros` gave; 0 where no window was."""
        if padded is dx:
            return
        (top, left), (bottom, right) = self.top_left, self.bottom_right
        skip_h, skip_w = max(0, -top), max(0, -left)
        rows = max(0, self.size[0] - skip_h + min(0, bottom))
        columns = max(0, self.size[1] - skip_w + min(0, right))
        if (rows, columns) != self.size:
            dx[...] = 0
        top, left = max(0, top), max(0, left)
        dx[:, skip_h : skip_h + rows, skip_w : skip_w + columns] = padded[:, top : top + rows, left : left + columns]

    def tap(self, padded: Array, i: int, j: int) -> Array:
        """The view of a padded input that tap (i, j) meets: (N, Ho, Wo, C)."""
        (sh, sw), (dh, dw), (ho, wo) = self.stride, self.dilation, self.out
        return padded[:, i * dh : i * dh + (ho - 1) * sh + 1 : sh, j * dw : j * dw + (wo - 1) * sw + 1 : sw]

    def windows(self, padded: Array) -> Array:
        """All windows of a padded input as a view (N, Ho, Wo, kh, kw, C): no element is copied."""
        n, h, w, c = padded.strides
        shape = (len(padded), *self.out, *self.kernel, padded.shape[3])
        strides = (n, h * self.stride[0], w * self.stride[1], h * self.dilation[0], w * self.dilation[1], c)
        return np.lib.stride_tricks.as_strided(padded, shape, strides, writeable=False)
