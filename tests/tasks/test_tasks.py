"""What tasks make of outputs."""

import numpy as np
import pytest

from backproof.data import TargetSpec
from backproof.graph import Graph, Loss, Op, Sequential, Shape
from backproof.ops import MSE, BCEWithLogits, Conv2d, Linear, LogSoftmax, NLLLoss, Sigmoid, SoftmaxCrossEntropy
from backproof.tasks import Classification, Regression, Segmentation, Task, task_of

CLASSES = TargetSpec("class", ("cat", "dog", "owl"))
MASK = TargetSpec("mask", (), (1, 2, 2), integer=False)
LABELS = TargetSpec("mask", ("sky", "sea"), (2, 2))
NUMBERS = TargetSpec("number", ("age", "size"), (2,), integer=False)


def graph(*ops: Op, loss: Loss, shape: tuple[int, ...] = (4,)) -> Graph:
    return Sequential(*ops).build(Shape("N", *shape)).with_loss(loss)


@pytest.mark.parametrize(
    ("targets", "kind", "outputs", "shape"),
    [
        (CLASSES, Classification, 3, Shape("N", 3)),
        (LABELS, Segmentation, 2, Shape("N", 2, 2, 2)),
        (MASK, Segmentation, 1, Shape("N", 1, 2, 2)),
        (NUMBERS, Regression, 2, Shape("N", 2)),
    ],
)
def test_what_a_network_is_to_put_out(targets: TargetSpec, kind: type[Task], outputs: int, shape: Shape) -> None:
    task = task_of(targets)
    assert type(task) is kind
    assert (task.outputs, task.output_shape) == (outputs, shape)
    for name in task.losses:  # every loss that is offered takes such outputs and such targets, or one-hot ones
        target, number = task.loss(name)().target(shape)
        assert target == (shape if number == "float" else Shape("N", *targets.shape))
        assert number == "float" or targets.integer
    assert task.loss() is next(iter(task.losses.values()))


def test_probability_of_a_class_is_as_the_loss_has_it() -> None:
    scores = np.log(np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]]))
    task = Classification(CLASSES)
    for loss, shift in ((SoftmaxCrossEntropy(), 1000.0), (NLLLoss(), 0.0)):
        network = graph(Linear(3), LogSoftmax(), loss=loss)
        shown = task.shown(scores + shift, network)
        assert shown["predicted"].tolist() == [1, 0]
        assert shown["probability"] == pytest.approx([0.7, 0.5])
    assert task.shown(scores, graph(Linear(3), loss=MSE()))["probability"] == pytest.approx(np.log([0.7, 0.5]))


def test_probability_of_the_foreground() -> None:
    """Logits unless the loss compares numbers themselves, or the network ends in a sigmoid."""
    task, x = Segmentation(MASK), np.array([-1000.0, -1.0, 0.25, 2.0]).reshape(1, 1, 2, 2)
    images, head = (1, 2, 2), Conv2d(1, 1)
    logits = task.prediction(x, graph(head, loss=BCEWithLogits(), shape=images))
    assert logits.ravel() == pytest.approx([0, 1 / (1 + np.e), 1 / (1 + np.exp(-0.25)), 1 / (1 + np.exp(-2.0))])
    for network in (graph(head, loss=MSE(), shape=images), graph(head, Sigmoid(), loss=MSE(), shape=images)):
        assert task.prediction(x, network).ravel().tolist() == [0, 0, 0.25, 1]


def test_kept_arrays_of_batches_join() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((2, 5, 2))
    probabilities = rng.random((2, 5, 1, 2, 2))
    scores, labels = rng.standard_normal((5, 3)), rng.integers(0, 3, 5)
    for task, prediction, target in (
        (Classification(CLASSES), scores, labels),
        (Segmentation(MASK), *probabilities),
        (Regression(NUMBERS), *numbers),
    ):
        whole = task.kept(prediction, target)
        parts = [task.kept(prediction[i:j], target[i:j]) for i, j in ((0, 2), (2, 5))]
        joined = task.joined(*parts)
        assert whole.keys() == joined.keys()
        assert all(np.allclose(whole[name], joined[name], rtol=1e-14) for name in whole)
