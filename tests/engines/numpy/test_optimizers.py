"""State that fades does not stay at the edge of what a float can hold."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.engines.numpy.optimizers import sweep_out
from backproof.engines.numpy.tuning import Tuning
from backproof.graph import Shape, initial_parameters
from backproof.models import build
from backproof.ops import MSE
from backproof.optim import OPTIMIZERS

TINY = np.finfo(np.float32).tiny


def test_sweep_out_keeps_what_is_no_denormal():
    slot = np.array([TINY, -TINY, TINY / 2, -TINY / 2, 0, 1, np.inf, -np.inf, np.nan], np.float32)
    sweep_out(slot, np.empty_like(slot))
    np.testing.assert_array_equal(slot, np.float32([TINY, -TINY, 0, 0, 0, 1, np.inf, -np.inf, np.nan]))


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("optimizer", ["adam", "momentum", "rmsprop"])
def test_state_of_dead_units_becomes_zero(engine, optimizer):
    """One step with a gradient, then many on zeros with targets already met."""
    if engine == "numba":
        pytest.importorskip("numba")
    graph = build("one_layer", Shape("N", 3), 2, {}).with_loss(MSE())
    parameters = {name: np.zeros_like(value) for name, value in initial_parameters(graph, 0).items()}
    trainer = get_engine(engine).compile(graph, parameters)
    rule = OPTIMIZERS[optimizer](lr=1e-6)
    target = graph.inputs[1].name
    live = {"x": np.full((4, 3), 1e-18, np.float32), target: np.ones((4, 2), np.float32)}
    dead = {"x": np.zeros((4, 3), np.float32), target: np.zeros((4, 2), np.float32)}
    for step in range(30 * Tuning().optimizer_sweep):
        trainer.train_step(live if step == 0 else dead, rule, Mode(training=True, step=step))
    weights = {name: value for name, value in trainer.optimizer_state().items() if name.endswith("weight")}
    assert weights
    for name, value in weights.items():
        assert not np.any((value != 0) & (np.abs(value) < TINY)), name
