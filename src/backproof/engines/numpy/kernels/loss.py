"""Losses. Each is the mean over the batch of N, and knows its own gradient. `labels.py` has the less usual cases.

SoftmaxCrossEntropy    L = - 1/N Σₙ Σ꜀ q log softmax(x)      dx = (softmax(x) - q) / N
                       q = (1 - s) onehot(label) + s / C
MSE                    L = mean (x - t)²                     dx = 2 (x - t) / size      (/ 1 for a sum)
"""

import numpy as np

from backproof.engines.kernel import Saved, computes
from backproof.engines.numpy.kernels.kernel import KERNELS, NumpyKernel
from backproof.engines.numpy.kernels.labels import Counted, cross_entropy, cross_entropy_gradient
from backproof.engines.numpy.workspace import Workspace
from backproof.errors import UserError
from backproof.graph import Array, Arrays
from backproof.ops import MSE, SoftmaxCrossEntropy


@computes(KERNELS, SoftmaxCrossEntropy)
class SoftmaxCrossEntropyKernel(NumpyKernel[SoftmaxCrossEntropy]):
    """Softmax and cross-entropy in one, so that no log meets a 0."""

    def forward(
        self, op: SoftmaxCrossEntropy, inputs: tuple[Array, ...], p: Arrays, call: Workspace
    ) -> tuple[Array, Saved]:
        """With z = x - max x:  log softmax = z - log Σ eᶻ, so  L = mean(log Σ eᶻ - (1 - s) z[label] - s mean(z))."""
        x, labels = inputs
        if x.ndim > 2 or not op.plain:
            return cross_entropy(op, x, labels, call)
        n, classes = x.shape
        z, e = call.borrow("z", x.shape), call.borrow("e", x.shape)
        largest = np.maximum.reduce(x, axis=1, keepdims=True, out=call.borrow("largest", (n, 1)))
        np.subtract(x, largest, out=z)
        np.exp(z, out=e)
        total = np.dot(e, call.pool.ones(classes), out=call.borrow("total", (n,)))
        true = self._true_class(labels, n, classes, call)
        s = op.label_smoothing
        loss = np.log(total, out=call.borrow("log_total", (n,)))
        z_true = z.take(true)
        loss -= z_true if not s else (1 - s) * z_true + s / classes * z.sum(axis=1)
        return np.add.reduce(loss) / n, (e, total, true)

    @staticmethod
    def _true_class(labels: Array, n: int, classes: int, call: Workspace) -> Array:
        """Where each sample's true class stands in the flattened (N, C)."""
        # As unsigned numbers, negative labels are large too: one comparison finds both kinds of wrong label.
        if np.maximum.reduce(labels.view(np.uint64)) >= classes:
            raise UserError(
                f"node '{call.node}': labels lie in 0..{classes - 1}, but some are {labels.min()} or {labels.max()}"
            )
        true = np.multiply(call.pool.counting(n), classes, out=call.borrow("true", (n,), np.int64))
        return np.add(true, labels, out=true)

    def backward(
        self, op: SoftmaxCrossEntropy, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> tuple[Array | None, ...]:
        """dx = (softmax(x) - q) / N,   softmax(x) = e / Σ e."""
        if isinstance(saved[0], Counted):
            return (cross_entropy_gradient(dy, saved, call), None)
        e, total, true = saved
        n, classes = e.shape
        dx = call.borrow("dx", e.shape)
        np.divide(e, total[:, None], out=dx)
        dx.reshape(-1)[true] -= 1 - op.label_smoothing
        if op.label_smoothing:
            dx -= op.label_smoothing / classes
        dx *= float(dy) / n
        return (dx, None)


@computes(KERNELS, MSE)
class MSEKernel(NumpyKernel[MSE]):
    """The mean squared error."""

    def forward(self, op: MSE, inputs: tuple[Array, ...], p: Arrays, call: Workspace) -> tuple[Array, Saved]:
        """L = mean (x - t)²."""
        x, target = inputs
        difference = np.subtract(x, target, out=call.borrow("difference", x.shape))
        flat = difference.reshape(-1)
        divisor = flat.size if op.reduction == "mean" else 1
        return np.dot(flat, flat) / divisor, (difference, divisor)

    def backward(
        self, op: MSE, dy: Array, saved: Saved, p: Arrays, g: Arrays, call: Workspace
    ) -> tuple[Array | None, ...]:
        """dx = 2 (x - t) / size,   dt = - dx."""
        difference, divisor = saved
        dx = np.multiply(difference, dy * 2 / divisor, out=call.borrow("dx", difference.shape))
        dt = np.negative(dx, out=call.borrow("dt", dx.shape)) if call.wants[1] else None
        return (dx if call.wants[0] else None, dt)
