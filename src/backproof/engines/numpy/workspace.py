"""Buffers that kernels borrow: allocated at the first step, the same ones at every later step."""

from math import prod

import numpy as np
import numpy.typing as npt

from backproof.engines.kernel import Call
from backproof.engines.numpy.tuning import USUAL, Tuning
from backproof.engines.sweep import GradientMemory
from backproof.graph import Array

ALIGNMENT = 64
"""Bytes: a cache line, and the width of an AVX-512 register."""


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Zeros that start at a cache line: full vector speed, and the same bits in every process."""
    count = prod(shape)
    itemsize = np.dtype(dtype).itemsize
    raw = np.zeros(count * itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + count * itemsize].view(dtype).reshape(shape)


def soiled(array: Array, tuning: Tuning) -> Array:
    """The array, filled with a huge number (or True) if checks want to see who reads undefined contents.

    Not with NaN: a convolution whose result is not finite is computed anew, in another way.
    """
    if tuning.dirty:
        array.fill(1e10)
    return array


class Buffers:
    """Buffers by name. All who ask for a name share its memory, as large as was ever asked for.

    `ways`: where it is noted that one grew.
    """

    def __init__(self, dtype: npt.DTypeLike, ways: set[str] | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self.ways: set[str] = set() if ways is None else ways
        self._flat: dict[str, Array] = {}
        self._views: dict[tuple[str, tuple[int, ...]], Array] = {}

    def get(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike | None = None) -> Array:
        """Undefined contents, of the trainer's dtype unless said otherwise; a name always has the same one."""
        view = self._views.get((name, shape))
        if view is not None:
            return view
        count = prod(shape)
        flat = self._flat.get(name)
        if flat is None or flat.size < count:
            if flat is not None:
                self.ways.add("a buffer grows")
            flat = self._flat[name] = aligned((count,), self.dtype if dtype is None else dtype)
            self._views = {known: view for known, view in self._views.items() if known[0] != name}
        view = self._views[name, shape] = flat[:count].reshape(shape)
        return view


class Pool(Buffers):
    """A trainer's buffers: scratch that all nodes share, since each needs it only while its kernel runs, and each
    node's own, which all sweeps share, since one runs at a time.

    `winograd`: whether convolutions may take Winograd's way; `tuning`: the sizes and thresholds of all ways.
    """

    def __init__(
        self, dtype: npt.DTypeLike, *, winograd: bool = True, tuning: Tuning = USUAL, ways: set[str] | None = None
    ) -> None:
        super().__init__(dtype, ways)
        self.winograd = winograd
        self.tuning = tuning
        self._nodes: dict[str, Buffers] = {}
        self._ones: Array = np.ones(0, self.dtype)
        self._counting: Array = np.arange(0)

    def of(self, node: str) -> Buffers:
        """The buffers of that node alone."""
        return self._nodes.setdefault(node, Buffers(self.dtype, self.ways))

    def scratch(self, name: str, shape: tuple[int, ...]) -> Array:
        """Undefined contents, of the trainer's dtype."""
        return soiled(self.get(name, shape), self.tuning)

    def mask(self, shape: tuple[int, ...]) -> Array:
        """Scratch of dtype bool."""
        return soiled(self.get("mask", shape, np.bool_), self.tuning)

    def ones(self, count: int) -> Array:
        """A vector of ones: `ones @ x` sums columns at the speed of a matrix product."""
        if self._ones.size < count:
            self._ones = aligned((count,), self.dtype)
            self._ones[:] = 1
        return self._ones[:count]

    def counting(self, count: int) -> Array:
        """0, 1, 2, ... as int64."""
        if self._counting.size < count:
            self._counting = np.arange(count)
        return self._counting[:count]


class Arena(GradientMemory):
    """Buffers for values that live from the kernel that makes them to the kernels that take them.

    A buffer that nobody needs any more is used again. So the reverse sweep of a deep network needs room for the few
    gradients alive at a time, not for one a node.
    """

    def __init__(self, dtype: npt.DTypeLike, tuning: Tuning = USUAL) -> None:
        super().__init__(dtype)
        self.tuning = tuning
        self._free: list[Array] = []
        self._taken: dict[int, Array] = {}
        self._holders: dict[int, int] = {}

    def reset(self) -> None:
        """A new sweep begins: nothing is needed any more."""
        self._free += self._taken.values()
        self._taken.clear()
        self._holders.clear()

    def take(self, shape: tuple[int, ...]) -> Array:
        """The smallest free buffer that is large enough, or a new one; undefined contents."""
        count = prod(shape)
        fitting = [flat for flat in self._free if flat.size >= count]
        if fitting:
            flat = min(fitting, key=lambda flat: flat.size)
            self._free = [other for other in self._free if other is not flat]
        else:
            flat = aligned((count,), self.dtype)
        self._taken[id(flat.base)] = flat
        return flat[:count].reshape(shape)

    def hold(self, array: Array) -> None:
        """One more will need what `array` is a view of."""
        root = id(array.base)
        if root in self._taken:
            self._holders[root] = self._holders.get(root, 0) + 1

    def drop(self, array: Array) -> None:
        """One less needs it; after the last, it is free."""
        root = id(array.base)
        if root in self._taken:
            self._holders[root] -= 1
            if not self._holders[root]:
                self._free.append(soiled(self._taken.pop(root), self.tuning))


class Planned(GradientMemory):
    """An arena's buffers for one sweep. Which buffer goes where is settled in its first pass, and kept from then on.

    Shapes are static and nodes run in the same order, so later passes need no bookkeeping.
    """

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena.dtype)
        self._arena = arena
        self._plan: list[Array] = []
        self._settled = False
        self._next = 0

    def reset(self) -> None:
        """A new pass begins."""
        self._next = 0
        if not self._settled:
            self._plan.clear()
            self._arena.reset()

    def settle(self) -> None:
        """The pass is complete, and all later ones will be like it."""
        self._settled = True

    def take(self, shape: tuple[int, ...]) -> Array:
        """The buffer that the plan has at this place."""
        if not self._settled:
            self._plan.append(self._arena.take(shape))
        buffer = self._plan[self._next]
        self._next += 1
        return soiled(buffer, self._arena.tuning)

    def hold(self, gradient: Array) -> None:
        if not self._settled:
            self._arena.hold(gradient)

    def drop(self, gradient: Array) -> None:
        if not self._settled:
            self._arena.drop(gradient)


class Workspace(Call):
    """What a kernel of this engine gets besides its arrays. A borrowed buffer keeps its contents until the next pass.

    Gradients come from memory that the sweep gives back when they have served; outputs too, if `outputs` is given.

    Attributes:
        pool: scratch memory.
        turned: for each input, whether it is channels-last; so `output_turned`.
        predicting: whether the pass ends at the prediction, without a loss: kernels may then take ways that round
            otherwise than in training.
    """

    def __init__(
        self,
        node: str,
        wants: tuple[bool, ...],
        pool: Pool,
        gradients: GradientMemory,
        outputs: GradientMemory | None = None,
        *,
        turned: tuple[bool, ...] = (),
        output_turned: bool = False,
        predicting: bool = False,
        ways: set[str] | None = None,
        samples: int = 1,
    ) -> None:
        super().__init__(node, wants, ways, samples=samples)
        self.pool = pool
        self.turned = turned or (False,) * len(wants)
        self.output_turned = output_turned
        self.predicting = predicting
        self._gradients = gradients
        self._outputs = outputs
        self._own = pool.of(node)

    @property
    def spares_memory(self) -> bool:
        """Whether values are given back as soon as nobody needs them: then nothing is kept beside them."""
        return self._outputs is not None

    def note_blocks(self, count: int, size: int) -> None:
        """Note how so many things are cut into blocks of that size."""
        if count <= size:
            self.ways.add("one block")
        else:
            self.ways.add("several blocks, the last smaller" if count % size else "several blocks")

    def borrow(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike | None = None) -> Array:
        """A buffer of this node's own: undefined contents, of the trainer's dtype unless said otherwise."""
        return self._own.get(name, shape, dtype)

    def borrow_output(self, shape: tuple[int, ...], dtype: npt.DTypeLike | None = None) -> Array:
        """The buffer for the output: undefined contents, good as long as the sweep needs it.

        Of the trainer's dtype unless said otherwise, as for whole numbers and truth values.
        """
        if self._outputs is None:
            return soiled(self._own.get("y", shape, dtype), self.pool.tuning)
        if dtype is None:
            return self._outputs.take(shape)
        count, size = prod(shape), np.dtype(dtype).itemsize
        room = self._outputs.take((-(-count * size // self._outputs.dtype.itemsize),))
        return soiled(room.view(dtype)[:count].reshape(shape), self.pool.tuning)

    def borrow_gradient(self, shape: tuple[int, ...]) -> Array:
        """A buffer for the gradient of an input: undefined contents, good until the node that takes it has run."""
        return self._gradients.take(shape)
