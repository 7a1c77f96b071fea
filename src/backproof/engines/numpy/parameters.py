"""Parameters, gradients and optimizer state: one flat buffer each, so that an optimizer step is a few long passes.

Decayed parameters come first, the other trainable ones next: weight decay then works on one contiguous slice.
Inside, a parameter may lie in another layout than the canonical one; its kernel says which.
"""

import numpy as np
import numpy.typing as npt

from backproof.engines.inputs import check_parameters
from backproof.engines.kernel import Kernels
from backproof.engines.numpy.tuning import Tuning
from backproof.engines.numpy.workspace import ALIGNMENT, aligned
from backproof.graph import Array, Arrays, Graph
from backproof.optim import Optimizer


class Parameters:
    """A network's weights inside the NumPy engine.

    Attributes:
        flat: all trainable values in one vector, each parameter starting at a cache line.
        gradient: the gradients in the same order.
        views: every parameter, by full name and in the engine's layout, as a view of `flat`; state apart.
        gradient_views: the same of `gradient`.
    """

    def __init__(self, graph: Graph, dtype: npt.DTypeLike, kernels: Kernels, tuning: Tuning) -> None:
        self._graph = graph
        self._specs = graph.parameters
        self._layout = {
            node.path(local): kernels[type(node.op)].axes(node.op, local, spec.shape, tuning)
            for node in graph.nodes
            for local, spec in node.parameters.items()
        }
        trainable = [name for name, spec in self._specs.items() if spec.trainable]
        # A stable sort: by whether weight decay applies by default, else in the order of the nodes.
        self._order = sorted(trainable, key=lambda name: not self._specs[name].decay)
        step = ALIGNMENT // np.dtype(dtype).itemsize
        self._start: dict[str, int] = {}
        size = 0
        for name in self._order:
            self._start[name] = size
            size += -(-int(np.prod(self._specs[name].shape)) // step) * step
        self._decayed = next((self._start[n] for n in self._order if not self._specs[n].decay), size)
        self.flat = aligned((size,), dtype)
        self.gradient = aligned((size,), dtype)
        self.views = self._views(self.flat)
        self.gradient_views = self._views(self.gradient)
        for name, spec in self._specs.items():
            if not spec.trainable:
                self.views[name] = aligned(tuple(spec.shape[axis] for axis in self._layout[name]), dtype)

    def _views(self, flat: Array) -> dict[str, Array]:
        views = {}
        for name in self._order:
            shape = self._specs[name].shape
            start = self._start[name]
            inside = [shape[axis] for axis in self._layout[name]]
            views[name] = flat[start : start + int(np.prod(shape))].reshape(inside)
        return views

    def decayed(self, optimizer: Optimizer) -> slice:
        """The part of `flat` that weight decay applies to."""
        return slice(0, self.flat.size if optimizer.decay_all else self._decayed)

    def _canonical(self, name: str, array: Array) -> Array:
        return array.transpose(np.argsort(self._layout[name])).copy(order="C")

    def canonical(self) -> dict[str, Array]:
        """Copies of all parameters, canonical layout, in the order of the graph."""
        return {name: self._canonical(name, self.views[name]) for name in self._specs}

    def canonical_gradients(self) -> dict[str, Array]:
        """Copies of the gradients of the trainable parameters, canonical layout."""
        views = self.gradient_views
        return {name: self._canonical(name, views[name]) for name in self._specs if name in views}

    def load(self, arrays: Arrays) -> None:
        """Set all parameters. Raises `UserError` for a missing, unknown or misshapen one; then nothing is set."""
        check_parameters(self._graph, arrays)
        for name in self._specs:
            self.views[name][...] = arrays[name].transpose(self._layout[name])

    def load_gradients(self, arrays: Arrays) -> None:
        """Set the gradients from canonical ones."""
        for name, view in self.gradient_views.items():
            view[...] = arrays[name].transpose(self._layout[name])

    def new_slot(self, fill: float) -> Array:
        """A vector for one of the optimizer's state arrays, laid out as `flat`."""
        slot = aligned(self.flat.shape, self.flat.dtype)
        slot[:] = fill
        return slot

    def canonical_slot(self, slot: str, flat: Array) -> dict[str, Array]:
        """Copies of a state array by `slot/parameter`, canonical layout."""
        return {f"{slot}/{name}": self._canonical(name, view) for name, view in self._views(flat).items()}

    def load_slot(self, slot: str, flat: Array, arrays: Arrays) -> None:
        """Set a state array from `slot/parameter`."""
        for name, view in self._views(flat).items():
            view[...] = arrays[f"{slot}/{name}"].transpose(self._layout[name])
