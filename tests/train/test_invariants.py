"""What holds of every training, whichever engine computes, and of every model of the registry in all tasks it fits.

A step moves each weight that has a gradient; an evaluation is one in evaluation mode, changes nothing, and measures
what scikit-learn does on predictions that came one by one; the penalty counts the same weights everywhere.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from backproof.data import AugmentationOptions, Batches, Partition, TargetSpec
from backproof.engines import ENGINES, Mode, Trainer, get_engine, how_to_install, installed, variants
from backproof.graph import Array, Arrays, Builder, Graph, Shape, initial_parameters
from backproof.models import MODELS, build
from backproof.ops import BatchNorm, Conv2d, Dropout, Dropout2d, Flatten, Linear, ReLU
from backproof.optim import OPTIMIZERS, SGD, Adam, AdamW, Optimizer
from backproof.registry import is_built_in
from backproof.tasks import Task, task_of
from backproof.train import Observer, Progress, evaluate, evaluation, fit
from backproof.train.evaluation import inputs
from backproof.train.events import StepDone, StepStarting
from sklearn import metrics as sk

DEV, TRAIN = 7, 11

GENTLE = SGD(lr=1e-3)
"""Three samples in a batch and a hundred layers: at larger rates some network diverges."""

TARGETS = {
    "classification": TargetSpec("class", ("a", "b", "c")),
    "regression": TargetSpec("number", ("u", "v"), (2,), integer=False),
    "masks of classes": TargetSpec("mask", ("a", "b", "c"), (8, 8)),
    "masks of probabilities": TargetSpec("mask", (), (1, 8, 8), integer=False),
}

SMALL: dict[str, dict[str, Any]] = {
    "one_layer": {},
    "mlp": {"layers": (6, 5), "batch_norm": True, "dropout": 0.3},
    "neurose": {},
    "cnn": {"channels": 2},
    "lenet5": {},
    **{f"resnet{layers}": {"stem": "small", "width": 2} for layers in (18, 34, 50, 101, 152)},
    "resnet": {"blocks": (1, 1), "width": 2},
    "unet": {"depth": 1, "width": 2},
    "u2net": {"heights": (2,), "width": 4},
    "u2netp": {"heights": (2,), "width": 2, "mid": 2},
}
"""Options that make each model of the registry small; one without them would take plain loops minutes."""


def dropping(input: Shape, classes: int) -> Graph:
    """Everything that is otherwise in training than in evaluation, in one network."""
    net = Builder(input)
    x = net("drop_channels", Dropout2d(0.3), net("conv", Conv2d(3, 3, bias=False), net.x))
    x = net("relu", ReLU(), net("bn", BatchNorm(), x))
    x = net("drop", Dropout(0.4), net("flatten", Flatten(), x))
    return net.graph(net("fc", Linear(classes), x))


@dataclass(frozen=True)
class Case:
    """A model for a task."""

    model: str
    task: str

    def __str__(self) -> str:
        return f"{self.model}, {self.task}"

    @property
    def size(self) -> int:
        return 12 if self.model == "lenet5" else 8


CASES = [
    Case(model, task)
    for model in ("dropping", *SMALL)
    for task in TARGETS
    if task.startswith("masks") == (model in ("unet", "u2net", "u2netp"))
]


QUICK = {
    Case("dropping", "classification"),
    Case("mlp", "regression"),
    Case("cnn", "classification"),
    Case("unet", "masks of classes"),
}
"""Engines that compile or loop, and engines with other settings, take these, and with `pytest -m slow` the rest."""


def test_every_model_of_the_registry_is_here() -> None:
    assert {name for name, function in MODELS.items() if is_built_in(function.__module__)} == set(SMALL)


@dataclass
class Parts:
    """What is trained, on which samples."""

    task: Task
    trainer: Trainer
    start: Arrays
    train: Partition
    dev: Partition

    @property
    def graph(self) -> Graph:
        return self.trainer.graph

    def begin(self, optimizer: Optimizer) -> None:
        """As if nothing had been trained yet."""
        self.trainer.load(self.start)
        self.trainer.load_optimizer_state(optimizer, {})

    def fit(self, optimizer: Optimizer, *observers: Observer, epochs: int = 1, **how: Any) -> None:
        batches = Batches(
            self.train, batch_size=4, augmentation=AugmentationOptions(), data_seed=0, dtype=self.trainer.dtype
        )
        fit(self.trainer, optimizer, batches, Progress(), task=self.task, epochs=epochs, observers=observers, **how)

    def one_by_one(self, partition: Partition) -> Array:
        """The network's outputs in evaluation mode, each sample alone in its batch."""
        name = self.graph.inputs[0].name
        outputs = [self.trainer.forward({name: x[None]})[self.graph.output] for x in partition.x]
        return np.concatenate(outputs).astype(np.float64)


def samples(case: Case, seed: int, count: int) -> Partition:
    rng, targets, ids = np.random.default_rng(seed), TARGETS[case.task], np.arange(count)
    x = rng.standard_normal((count, 2, case.size, case.size)).astype(np.float32)
    if targets.kind == "number":
        y = rng.standard_normal((count, 2)).astype(np.float32)
    elif targets.integer:
        y = rng.integers(0, 3, (count, *targets.shape))
        y.reshape(count, -1)[:3, 0] = range(3)
    else:
        y = rng.random((count, *targets.shape)).round(1).astype(np.float32)
    return Partition(x, y, ids, x.shape[1:])


@cache
def parts_of(engine_name: str, variant: str, case: Case) -> Parts:
    """Made once: what a trainer keeps between two trainings is what is tested here too."""
    engine, task = variants(get_engine(engine_name))[variant], task_of(TARGETS[case.task])
    model, options = (dropping, {}) if case.model == "dropping" else (case.model, SMALL[case.model])
    graph = build(model, Shape("N", 2, case.size, case.size), task.outputs, options).with_loss(task.loss()())
    rng = np.random.default_rng(0)
    start = {  # no bias, scale or shift is 0 or 1, so that none can be forgotten
        name: w + 0.1 * rng.standard_normal(w.shape) if graph.parameters[name].trainable else w
        for name, w in initial_parameters(graph).items()
    }
    trainer = engine.compile(graph, start, dtype=engine.capabilities.nearest_dtype("float64"))
    return Parts(task, trainer, start, samples(case, 1, TRAIN), samples(case, 2, DEV))


TRAINING = [name for name in ENGINES if not installed(name) or get_engine(name).capabilities.trains]


@pytest.fixture(params=TRAINING)
def engine_name(request: pytest.FixtureRequest) -> str:
    if not installed(request.param):
        pytest.skip(f"engine '{request.param}' is not installed: {how_to_install(request.param)}")
    return request.param


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every engine, with other settings too, with every case; those that take long are marked so."""
    if "parts" not in metafunc.fixturenames:
        return
    found = []
    for name in TRAINING:
        fast = not installed(name) or get_engine(name).capabilities.speed == "fast"
        for variant in variants(get_engine(name)) if installed(name) else [""]:
            for case in CASES:
                marks = () if case in QUICK or (fast and not variant) else pytest.mark.slow
                words = ", ".join(filter(None, (name, variant, str(case))))
                found.append(pytest.param((name, variant, case), marks=marks, id=words))
    metafunc.parametrize("parts", found, indirect=True)


@pytest.fixture
def parts(request: pytest.FixtureRequest) -> Parts:
    engine_name, variant, case = request.param
    if not installed(engine_name):
        pytest.skip(f"engine '{engine_name}' is not installed: {how_to_install(engine_name)}")
    return parts_of(engine_name, variant, case)


@pytest.fixture
def small(engine_name: str) -> Parts:
    return parts_of(engine_name, "", Case("dropping", "classification"))


class Moves(Observer):
    """Looks at the gradient before each step, and at what has moved after it."""

    def __init__(self, parts: Parts, optimizer: Optimizer) -> None:
        self.parts, self.optimizer = parts, optimizer
        self.with_gradient: set[str] = set()
        self.steps = 0

    def step_starting(self, event: StepStarting) -> None:
        self.before = event.trainer.parameters()
        self.gradients = event.trainer.gradients(event.inputs, event.mode, self.optimizer)

    def step_done(self, event: StepDone) -> None:
        after, eps = self.parts.trainer.parameters(), np.finfo(self.parts.trainer.dtype).eps
        for name, spec in self.parts.graph.parameters.items():
            moved = after[name] != self.before[name]
            if spec.trainable:
                g = self.gradients.parameters[name]
                visible = np.abs(g) > 1e6 * eps * np.maximum(np.abs(self.before[name]), np.abs(g).max())
                assert moved[visible].all(), f"step {event.progress.step}: {name} stood still"
                if type(self.optimizer) is SGD:
                    assert not moved[g == 0].any(), f"step {event.progress.step}: {name} moved without a gradient"
                    expected = self.before[name] - self.optimizer.lr * g
                    np.testing.assert_allclose(after[name], expected, rtol=1e-9, atol=1e-12, err_msg=name)
                self.with_gradient |= {name} if visible.any() else set()
            else:
                assert moved.all(), f"step {event.progress.step}: {name}, a running statistic, stood still"
        self.steps += 1


def shifted_back(graph: Graph) -> set[str]:
    """Biases in front of BatchNorm, which takes them away with the batch's mean: their gradient is 0."""
    normed = {node.inputs[0] for node in graph.nodes if isinstance(node.op, BatchNorm)}
    return {f"{name}.bias" for name in normed} & graph.parameters.keys()


def test_every_weight_with_a_gradient_moves_at_every_step(parts: Parts) -> None:
    optimizer = GENTLE
    parts.begin(optimizer)
    moves = Moves(parts, optimizer)
    parts.fit(optimizer, moves, epochs=2)
    assert moves.steps == 6
    trainable = {name for name, spec in parts.graph.parameters.items() if spec.trainable}
    assert moves.with_gradient == trainable - shifted_back(parts.graph), "the loss sees every weight"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_moves_every_weight(small: Parts, name: str) -> None:
    optimizer = OPTIMIZERS[name]()
    small.begin(optimizer)
    moves = Moves(small, optimizer)
    small.fit(optimizer, moves)
    assert moves.steps == 3


def test_predictions_do_not_depend_on_the_batch_they_came_in(parts: Parts) -> None:
    parts.begin(SGD())
    parts.fit(GENTLE)  # running statistics are neither those of the start nor of any batch
    alone, x = parts.one_by_one(parts.dev), parts.dev.x
    name, output = parts.graph.inputs[0].name, parts.graph.output
    tolerance = 1e-9 if parts.trainer.dtype == "float64" else 1e-4
    for rows in (range(DEV), range(DEV)[::-1], [3, 1], [5, 5, 0], [6]):
        rows = list(rows)
        found = parts.trainer.forward({name: x[rows]})[output]
        np.testing.assert_allclose(found, alone[rows], rtol=tolerance, atol=tolerance, err_msg=f"samples {rows}")


def test_an_evaluation_measures_what_scikit_learn_does_on_predictions_one_by_one(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.begin(SGD())
    parts.fit(GENTLE)
    outputs, y = parts.one_by_one(parts.dev), parts.dev.y
    names = [i.name for i in parts.graph.inputs]
    feeds = [dict(zip(names, (parts.dev.x[i : i + 1], y[i : i + 1]), strict=True)) for i in range(DEV)]
    loss = np.mean([float(parts.trainer.forward(feed)[parts.graph.loss]) for feed in feeds])
    expected = {"loss": loss, "cost": loss, **scikit_learn(outputs, y)}
    for size in (DEV, 3):
        monkeypatch.setattr(evaluation, "EVALUATION_BATCH", size)
        found = evaluate(parts.trainer, parts.dev, SGD(), parts.task).metrics
        assert dict(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    otherwise = [node for node in parts.graph.nodes if isinstance(node.op, BatchNorm | Dropout)]
    if otherwise:  # or else this test would see nothing
        feed = inputs(parts.graph, next(iter(whole(parts.dev))))
        training = float(parts.trainer.forward(feed, Mode(training=True))[parts.graph.loss])
        assert abs(training - loss) > 1e-4 * loss


def whole(partition: Partition) -> Batches:
    return Batches(partition, batch_size=None, augmentation=AugmentationOptions(), data_seed=0).epoch(1)


def scikit_learn(outputs: Array, y: Array) -> dict[str, float]:
    """Every metric of the task, from the network's outputs."""
    if y.ndim == 1:
        said = outputs.argmax(1)
        return {"accuracy": sk.accuracy_score(y, said), "macro_f1": sk.f1_score(y, said, average="macro")}
    if y.ndim == 2:
        return {
            "rmse": sk.root_mean_squared_error(y, outputs),
            "r2": sk.r2_score(y, outputs),
            "mae": sk.mean_absolute_error(y, outputs),
        }
    if y.ndim == 3:
        true, said = y.ravel(), outputs.argmax(1).ravel()
        return {
            "iou": sk.jaccard_score(true, said, average="macro"),
            "dice": sk.f1_score(true, said, average="macro"),
            "accuracy": sk.accuracy_score(true, said),
        }
    probability = 1 / (1 + np.exp(-outputs))
    true, said = (y >= 0.5).ravel(), (probability >= 0.5).ravel()
    return {
        "iou": sk.jaccard_score(true, said),
        "dice": sk.f1_score(true, said),
        "mae": sk.mean_absolute_error(y.ravel(), probability.ravel()),
        "max_f_beta": max_f_beta(probability.reshape(len(y), -1), y.reshape(len(y), -1) >= 0.5),
    }


def max_f_beta(probability: Array, true: Array) -> float:
    """Precision and recall of each image at every threshold, averaged over the images, and the best F-beta of those."""
    best = 0.0
    for threshold in np.arange(1, 256) / 255:
        precision, recall, *_ = sk.precision_recall_fscore_support(
            true, probability >= threshold, average="samples", zero_division=0.0
        )
        best = max(best, 1.3 * precision * recall / (0.3 * precision + recall) if precision + recall else 0.0)
    return best


def test_the_dev_penalty_counts_what_the_train_penalty_counts(parts: Parts) -> None:
    """λ/2 ‖w‖² of weights, of biases, scales and shifts too with `decay_all`, of nothing where decay is decoupled."""
    feed = inputs(parts.graph, next(iter(whole(parts.train))))
    for optimizer, l2 in ((SGD(weight_decay=0.3), 0.3), (Adam(weight_decay=0.2, decay_all=True), 0.2), (AdamW(), 0)):
        parts.begin(optimizer)
        decayed = [
            np.sum(np.square(w, dtype=np.float64))
            for name, w in parts.trainer.parameters().items()
            if parts.graph.parameters[name].trainable and (w.ndim > 1 or optimizer.decay_all)
        ]
        expected = l2 / 2 * sum(decayed)
        dev = evaluate(parts.trainer, parts.dev, optimizer, parts.task).metrics
        stepped = parts.trainer.train_step(feed, optimizer, Mode(training=True)).penalty
        assert stepped == pytest.approx(expected, rel=1e-9), optimizer
        assert dev.cost - dev.loss == pytest.approx(expected, rel=1e-9, abs=1e-15 * dev.cost), optimizer


def test_an_evaluation_changes_nothing(parts: Parts) -> None:
    """Not even what the next steps make of it, to the bit."""
    optimizer, ends = Adam(lr=0.01), []
    for dev in (None, parts.dev):
        parts.begin(optimizer)
        parts.fit(optimizer, epochs=2, dev=dev)
        ends.append(parts.trainer.parameters())
    for name, w in ends[0].items():
        np.testing.assert_array_equal(ends[1][name], w, err_msg=name)
