"""Which samples a training sees, and which masks dropout draws: read off the outputs of every engine's training steps.

The network hands its inputs on: as they are, and through two dropouts. Sample i is i + 1 everywhere, so each row of an
output says which sample came, and which of its parts were dropped.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from backproof.data import AugmentationOptions, Batches, Partition, TargetSpec
from backproof.engines import ENGINES, Trainer, get_engine, how_to_install, installed
from backproof.graph import Array, Builder, Op, Shape
from backproof.ops import MSE, Concat, Dropout, Dropout2d, Flatten, Linear
from backproof.optim import SGD
from backproof.tasks import Regression
from backproof.train import Observer, Progress, fit
from backproof.train.events import StepDone

SAMPLES, BATCH, P = 21, 8, 0.3
STANDING_STILL = SGD(lr=0.0)


class Keep(Observer):
    """Copies of the outputs, epoch by epoch."""

    def __init__(self) -> None:
        self.epochs: dict[int, list[Array]] = {}

    def step_done(self, event: StepDone) -> None:
        same = event.result.output[:, : event.batch.y.shape[1] // 3]
        np.testing.assert_allclose(
            same, event.batch.y[:, : same.shape[1]], rtol=1e-6, err_msg="targets of other samples"
        )
        self.epochs.setdefault(event.progress.epoch, []).append(np.array(event.result.output, np.float64))


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest):
    if not installed(request.param):
        pytest.skip(f"engine '{request.param}' is not installed: {how_to_install(request.param)}")
    found = get_engine(request.param)
    if not found.capabilities.trains:
        pytest.skip(f"engine '{request.param}' cannot train")
    return found


def handing_on(engine, op: type[Op], *shape: int) -> Trainer:
    net = Builder(Shape("N", *shape))
    parts = [net("flat", Flatten(), net.x)]
    parts += [net(f"flat_{name}", Flatten(), net(name, op(P), net.x)) for name in ("first", "second")]
    x = net("concat", Concat(), *parts)
    width = 3 * int(np.prod(shape))
    graph = net.graph(net("same", Linear(width, bias=False), x)).with_loss(MSE())
    return engine.compile(graph, {"same.weight": np.eye(width)}, dtype=engine.capabilities.nearest_dtype("float64"))


def train(trainer: Trainer, epochs: int, *, seed: int = 0, progress: Progress | None = None, **options: Any) -> Keep:
    shape = trainer.graph.inputs[0].shape.per_sample
    ids = np.arange(SAMPLES)
    x = np.broadcast_to((ids + 1.0).reshape(-1, *[1] * len(shape)), (SAMPLES, *shape)).astype(np.float32)
    y = np.tile(x.reshape(SAMPLES, -1), 3)
    targets = TargetSpec("number", tuple(map(str, range(y.shape[1]))), y.shape[1:], integer=False)
    batches = Batches(
        Partition(x, y, ids),
        **{"batch_size": BATCH, "augmentation": AugmentationOptions(), "data_seed": 0, "dtype": trainer.dtype}
        | options,
    )
    keep = Keep()
    progress = progress or Progress()
    fit(
        trainer, STANDING_STILL, batches, progress, task=Regression(targets), epochs=epochs, seed=seed, observers=[keep]
    )
    return keep


def ids_of(outputs: list[Array]) -> Array:
    """The samples of the steps, from the part of the outputs that is handed on as it is."""
    same = np.concatenate([output[:, : output.shape[1] // 3] for output in outputs])
    assert np.allclose(same, same[:, :1], rtol=1e-6)
    return same[:, 0].round().astype(int) - 1


def masks_of(output: Array) -> tuple[Array, Array]:
    """What each dropout has kept, (n, parts) of booleans."""
    same, *dropped = np.split(output, 3, axis=1)
    masks = [part / same for part in dropped]
    for mask in masks:
        assert np.allclose(mask[mask != 0], 1 / (1 - P), rtol=1e-6), "what is kept makes up for what is dropped"
    return masks[0] != 0, masks[1] != 0


@pytest.mark.parametrize("last_batch", ["keep", "even", "drop"])
@pytest.mark.parametrize("clone", [1, 2])
def test_an_epoch_sees_each_sample_once(engine, last_batch: str, clone: int) -> None:
    """Or as often as it is cloned; but for those that are dropped, which are others in the next epoch."""
    trainer = handing_on(engine, Dropout, 4)
    options = {"last_batch": last_batch, "augmentation": AugmentationOptions(clone=clone)}
    kept = train(trainer, 3, **options)
    orders = [ids_of(steps) for steps in kept.epochs.values()]
    for order in orders:
        times = np.bincount(order, minlength=SAMPLES)
        if last_batch == "drop":
            assert times.sum() == SAMPLES * clone // BATCH * BATCH
            assert times.max() <= clone
        else:
            assert (times == clone).all()
    assert len({order.tobytes() for order in orders}) == 3
    assert [len(step) for step in kept.epochs[1]] == {
        ("keep", 1): [8, 8, 5], ("even", 1): [7, 7, 7], ("drop", 1): [8, 8],
        ("keep", 2): [8, 8, 8, 8, 8, 2], ("even", 2): [7] * 6, ("drop", 2): [8] * 5,
    }[last_batch, clone]  # fmt: skip


@pytest.mark.parametrize("last_batch", ["keep", "even", "drop"])
def test_an_epoch_that_is_gone_on_with_sees_the_rest(engine, last_batch: str) -> None:
    trainer = handing_on(engine, Dropout, 4)
    whole = train(trainer, 2, last_batch=last_batch).epochs[2]
    steps = len(whole)
    for batch in range(1, steps):
        progress = Progress(epoch=2, batch=batch, step=steps + batch)
        rest = train(trainer, 2, progress=progress, last_batch=last_batch).epochs[2]
        assert len(rest) == steps - batch
        for one, other in zip(whole[batch:], rest, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("op", "shape"), [(Dropout, (40,)), (Dropout2d, (16, 2, 2))])
def test_masks_differ_from_step_to_step_with_the_right_share(engine, op: type[Op], shape: tuple[int, ...]) -> None:
    """The bounds are five standard deviations of what independent draws give."""
    trainer = handing_on(engine, op, *shape)
    epochs = 4 if engine.capabilities.speed != "loops" else 2
    steps = [masks_of(output) for outputs in train(trainer, epochs).epochs.values() for output in outputs]
    if op is Dropout2d:
        images = [[mask.reshape(len(mask), *shape) for mask in both] for both in steps]
        assert all((mask == mask[:, :, :1, :1]).all() for both in images for mask in both), "whole channels"
        steps = [tuple(mask[:, :, 0, 0] for mask in both) for both in images]
    kept = np.concatenate([np.stack(both) for both in steps], axis=1)  # (2, all samples of all steps, parts)
    assert abs(kept.mean() - (1 - P)) < 5 * np.sqrt(P * (1 - P) / kept.size)
    for axes in ((0, 1), (0, 2), (1, 2)):  # no part, no sample and no node is dropped more often than another
        means = kept.mean(axes)
        assert np.abs(means - (1 - P)).max() < 5 * np.sqrt(P * (1 - P) * means.size / kept.size)

    alike = P**2 + (1 - P) ** 2  # how often two independent masks say the same

    def assert_independent(one: Array, other: Array) -> None:
        assert abs((one == other).mean() - alike) < 5 * np.sqrt(alike * (1 - alike) / one.size)

    full = [both for both in steps if len(both[0]) == BATCH]
    for place, (first, second) in enumerate(full):
        assert_independent(first, second)
        assert_independent(first[1:], first[:-1])
        for later in full[place + 1 :]:
            assert_independent(first, later[0])
    for (first, _), (later, _) in pairwise(full):  # nor is a mask a part of the one before it, drawn further on
        one, other = first.ravel(), later.ravel()
        for lag in range(1, len(one) // 2):
            for a, b in ((one[lag:], other[:-lag]), (one[:-lag], other[lag:])):
                assert abs((a == b).mean() - alike) < 6 * np.sqrt(alike * (1 - alike) / a.size)


def test_masks_come_from_the_seed_and_the_step_alone(engine) -> None:
    trainer = handing_on(engine, Dropout, 40)
    first, again, other = (train(trainer, 1, seed=seed).epochs[1] for seed in (0, 0, 1))
    for one, same, another in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert any((a != b).any() for a, b in zip(masks_of(one), masks_of(another), strict=True))
