"""The loop: figures, epochs, marks and events."""

from dataclasses import replace

import numpy as np
import pytest

from backproof.data import AugmentationOptions, Batch, Batches, Partition, TargetSpec
from backproof.engines import Mode
from backproof.metrics import Metrics
from backproof.ops import MSE, SoftmaxCrossEntropy
from backproof.optim import SGD, Exponential, Momentum
from backproof.tasks import Classification
from backproof.train import Interruption, Observer, Progress, evaluate, fit
from backproof.train.evaluation import inputs
from backproof.train.events import EarlyStopMarked, EpochDone, Event, StepDone

TASK = Classification(TargetSpec("class", ("a", "b", "c")))


class Keep(Observer):
    def __init__(self) -> None:
        self.events: list[Event] = []

    def epoch_done(self, event: EpochDone) -> None:
        self.events.append(event)

    def early_stop_marked(self, event: EarlyStopMarked) -> None:
        self.events.append(event)


def test_figures_are_means_over_samples_not_over_batches(make_task) -> None:
    task, keep, progress = make_task(Momentum(lr=0.05, weight_decay=0.1)), Keep(), Progress()
    how = {"dev": task.dev, "observers": [keep]}
    fit(task.trainer, task.optimizer, task.batches, progress, task=task.task, epochs=1, **how)

    other = make_task()
    cost = loss = correct = 0.0
    for step, batch in enumerate(task.batches.epoch(1)):
        feed = inputs(other.trainer.graph, batch)
        result = other.trainer.train_step(feed, task.optimizer, Mode(True, 0, step))
        cost += len(batch.y) * result.cost / 20
        loss += len(batch.y) * result.loss / 20
        correct += (result.output.argmax(1) == batch.y).sum()
    (event,) = keep.events
    assert isinstance(event, EpochDone)
    assert event.record.train.cost == pytest.approx(cost, rel=1e-12)
    assert event.record.train.loss == pytest.approx(loss, rel=1e-12)
    assert event.record.train.accuracy == correct / 20
    assert event.record.dev == evaluate(other.trainer, task.dev, task.optimizer, task.task).metrics
    assert (event.record.epoch, event.record.step) == (1, 3)
    assert event.best
    assert (progress.epoch, progress.batch, progress.step, progress.samples) == (2, 0, 3, 0)
    w, same = task.trainer.parameters(), other.trainer.parameters()
    assert all(np.array_equal(w[name], same[name]) for name in w)


def test_weights_of_samples_count_in_every_mean(make_task) -> None:
    """With one batch an epoch, a weight of 2 is the same as the sample twice, and 0 as the sample left out."""
    times = np.tile([2.0, 1.0, 0.0, 3.0], 5)
    plain = make_task()
    rows = np.repeat(np.arange(20), times.astype(int))
    repeated = Partition(plain.train.x[rows], plain.train.y[rows], np.arange(len(rows)))
    expected = trained(plain.trainer, repeated)

    weighted = make_task(loss=SoftmaxCrossEntropy(sample_weights=True))
    found = trained(weighted.trainer, replace(plain.train, weight=times))
    assert found.train.loss == pytest.approx(expected.train.loss, rel=1e-12)
    assert found.dev.loss == pytest.approx(expected.dev.loss, rel=1e-12)
    for name, w in weighted.trainer.parameters().items():
        np.testing.assert_allclose(w, plain.trainer.parameters()[name], rtol=1e-10, err_msg=name)


def trained(trainer, train):
    """The record of the second of two epochs, each of one step; evaluated is what is trained on."""
    batches = Batches(train, batch_size=None, augmentation=AugmentationOptions(), data_seed=0, dtype=np.float64)
    keep = Keep()
    fit(
        trainer,
        SGD(lr=0.1),
        batches,
        Progress(),
        task=Classification(TargetSpec("class", ("a", "b", "c"))),
        epochs=2,
        dev=train,
        observers=[keep],
    )
    return keep.events[-1].record


def test_learning_rate_is_that_of_the_last_step(make_task) -> None:
    task, keep = make_task(SGD(lr=0.1, schedule=Exponential(gamma=0.5, every=1))), Keep()
    fit(task.trainer, task.optimizer, task.batches, Progress(), task=task.task, epochs=2, observers=[keep])
    assert [e.record.learning_rate for e in keep.events] == [0.1 * 0.5**2, 0.1 * 0.5**5]
    assert [e.record.dev for e in keep.events] == [None, None]


class Costs:
    """Dev costs as a test wants them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, costs: list[float]) -> None:
        from dataclasses import replace

        from backproof.train import loop

        left = iter(costs)

        def told(*arguments):
            found = evaluate(*arguments)
            return replace(found, metrics=Metrics({**found.metrics, "cost": next(left)}))

        monkeypatch.setattr(loop, "evaluate", told)


NAN = float("nan")


@pytest.mark.parametrize(
    ("costs", "patience", "marked", "best"),
    [
        ([5, 4, 4.5, 4.2, 3, 2], 2, 4, 6),
        ([5, 4, 4.5, 3, 3.5, 3.5], 2, 6, 4),
        ([5, 5, 5, 5, 5, 5], 1, 2, 1),
        ([6, 5, 4, 3, 2, 1], 1, None, 6),
        ([NAN, NAN, 4, NAN, NAN, NAN], 3, 6, 3),
        ([NAN] * 6, 3, 3, None),
        ([5, 6, 7, 8, 9, 9], 0, None, 1),
    ],
)
def test_early_stopping(make_task, monkeypatch, costs, patience, marked, best) -> None:
    for stop_early in (False, True) if patience else (False,):
        Costs(monkeypatch, costs)
        task, keep, progress = make_task(), Keep(), Progress()
        fit(
            task.trainer, task.optimizer, task.batches, progress, task=task.task, epochs=6, dev=task.dev,
            early_stopping=patience, stop_early=stop_early, observers=[keep],
        )  # fmt: skip
        epochs = [e.record for e in keep.events if isinstance(e, EpochDone)]
        marks = [e for e in keep.events if isinstance(e, EarlyStopMarked)]
        assert [e.epoch for e in epochs if e.early_stop] == ([marked] if marked else [])
        assert [e.epoch for e in marks] == ([marked] if marked else [])
        assert progress.early_stop_epoch == marked
        assert len(epochs) == (marked if stop_early and marked else 6)
        assert progress.stopped == (stop_early and marked is not None)
        if not stop_early:
            assert progress.best_epoch == best
        monkeypatch.undo()


def test_a_loss_on_numbers_gets_one_hot_targets(make_task) -> None:
    task = make_task(loss=MSE())
    feed = inputs(task.trainer.graph, Batch(task.dev.x, task.dev.y, task.dev.ids))
    assert np.array_equal(feed["y"], np.eye(3)[task.dev.y])
    keep = Keep()
    fit(
        task.trainer,
        task.optimizer,
        task.batches,
        Progress(),
        task=task.task,
        epochs=30,
        dev=task.dev,
        observers=[keep],
    )
    assert keep.events[-1].record.train.loss < 0.5 * keep.events[0].record.train.loss
    assert keep.events[-1].record.dev.accuracy >= 0.7


def test_interruption_completes_the_step(make_task) -> None:
    task, progress, interruption = make_task(), Progress(), Interruption()

    class Ask(Observer):
        def step_done(self, event: StepDone) -> None:
            interruption.requested = event.progress.step == 4

    fit_on = (task.trainer, task.optimizer, task.batches, progress)
    assert fit(*fit_on, task=task.task, epochs=3, observers=[Ask()], interruption=interruption) is False
    assert (progress.epoch, progress.batch, progress.step) == (2, 1, 4)
    assert fit(*fit_on, task=task.task, epochs=3) is True
    whole = make_task()
    fit(whole.trainer, whole.optimizer, whole.batches, Progress(), task=whole.task, epochs=3)
    w, same = task.trainer.parameters(), whole.trainer.parameters()
    assert all(np.array_equal(w[name], same[name]) for name in w)


def test_no_epochs(make_task) -> None:
    task, progress = make_task(), Progress()
    assert fit(task.trainer, task.optimizer, task.batches, progress, task=task.task, epochs=0)
    assert progress == Progress()


def test_batches_may_be_full(make_task) -> None:
    from backproof.data import AugmentationOptions

    task, progress = make_task(), Progress()
    full = Batches(task.train, batch_size=None, augmentation=AugmentationOptions(), data_seed=0, dtype=np.float64)
    fit(task.trainer, task.optimizer, full, progress, task=task.task, epochs=4)
    assert progress.step == 4
