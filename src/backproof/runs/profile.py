"""`--profile`: a flame graph of the first epoch, and the time of each node."""

from collections import defaultdict
from dataclasses import asdict
from importlib.util import find_spec
from itertools import chain, islice, repeat
from pathlib import Path
from time import perf_counter
from typing import Any

from backproof.engines.base import Direction, Mode
from backproof.errors import OptionError
from backproof.graph import Array
from backproof.runs.prepare import Prepared, fresh_batches
from backproof.runs.store import NodeTime, Profile
from backproof.runs.writer import write_json, writing
from backproof.train.evaluation import inputs
from backproof.train.events import EpochDone, EpochStarted, Interrupted, Observer

WARM_UP, MEASURED = 5, 50
"""Steps on the twin: the first ones fill buffers and caches, and are not counted."""


def require_profiler() -> None:
    """Raise `UserError` if pyinstrument is not installed."""
    if find_spec("pyinstrument") is None:
        raise OptionError("{profile} needs pyinstrument; install it with: pip install 'backproof[profile]'")


class FlameGraph(Observer):
    """Samples the Python stack during the run's first epoch, every millisecond, into profile.html."""

    def __init__(self, folder: Path) -> None:
        from pyinstrument import Profiler

        self._file = folder / "profile.html"
        self._profiler: Any = Profiler(async_mode="disabled")

    def epoch_started(self, event: EpochStarted) -> None:  # noqa: ARG002
        """Begin, in the first epoch."""
        if self._profiler is not None:
            self._profiler.start()

    def epoch_done(self, event: EpochDone) -> None:  # noqa: ARG002
        """End, and write the page."""
        self._write()

    def interrupted(self, event: Interrupted) -> None:  # noqa: ARG002
        """End early."""
        self._write()

    def close(self) -> None:
        """Stop looking, whatever happened."""
        if self._profiler is not None and self._profiler.is_running:
            self._profiler.stop()
        self._profiler = None

    def _write(self) -> None:
        profiler = self._profiler
        if profiler is None:
            return
        self.close()
        with writing(self._file.parent):
            self._file.write_text(profiler.output_html(), encoding="utf-8")


class NodeTimes:
    """A `Watch` that takes the time between calls. A node's forward ends, and its backward begins, with its call."""

    def __init__(self) -> None:
        self.forward: defaultdict[str, float] = defaultdict(float)
        self.backward: defaultdict[str, float] = defaultdict(float)
        self._under_way: str | None = None
        self._since = perf_counter()

    def lap(self) -> None:
        """A step begins, or has ended: what is under way in the backward pass ends now."""
        now = perf_counter()
        if self._under_way is not None:
            self.backward[self._under_way] += now - self._since
        self._under_way, self._since = None, now

    def __call__(self, node: str, direction: Direction, array: Array) -> None:  # noqa: ARG002
        """One node's turn."""
        if direction == "forward":
            self.forward[node] += perf_counter() - self._since
            self._since = perf_counter()
        else:
            self.lap()
            self._under_way = node


def write_node_times(prepared: Prepared, folder: Path) -> None:
    """Measure each node on a twin of the trainer, on the run's first batches, and write profile.json.

    Times are seconds of all calls together. The backward time of the first layer includes the weight update, which
    follows it without a sign.
    """
    if not prepared.engine.capabilities.node_times:
        return
    trainer, graph = prepared.trainer, prepared.graph
    options = prepared.spec.engine
    twin = prepared.engine.compile(graph, trainer.parameters(), dtype=options.dtype, device=options.device)
    batches = fresh_batches(prepared.spec, prepared.data)
    endless = chain.from_iterable(batches.epoch(1) for _ in repeat(None))
    for step, batch in enumerate(islice(endless, WARM_UP + MEASURED)):
        if step in (0, WARM_UP):
            times = NodeTimes()
        mode = Mode(True, prepared.spec.model.model_seed, step)
        times.lap()
        twin.train_step(inputs(graph, batch), prepared.optimizer, mode, times)
        times.lap()
    nodes = [
        NodeTime(
            node=node.name,
            op=type(node.op).__name__,
            forward_s=times.forward[node.name],
            backward_s=times.backward[node.name],
            calls=MEASURED,
        )
        for node in graph.nodes
    ]
    with writing(folder):
        write_json(folder / "profile.json", asdict(Profile(nodes=nodes)))
