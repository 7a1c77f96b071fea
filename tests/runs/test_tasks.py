"""Masks and numbers are trained as classes are, on every engine that trains, from made-up data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backproof.data import Partition, Partitions, TargetSpec
from backproof.errors import UserError
from backproof.runs.launch import resume, run
from backproof.runs.prepare import Datasets
from backproof.runs.spec import RunSpec
from backproof.runs.store import Run, open_run
from backproof.train import Observer
from backproof.train.events import StepDone
from sklearn import metrics as sk

NAMES = ("background", "square", "dot")
MakeRun = Callable[..., Run]


def squares(rng: np.random.Generator, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images (M, 1, 8, 8) with a bright square or a dark dot, and the class of each pixel (M, 8, 8)."""
    y = np.zeros((samples, 8, 8), np.int64)
    for mask in y:
        top, left = rng.integers(0, 5, 2)
        mask[top : top + 3, left : left + 3] = 1
        mask[(top + 4) % 8, (left + 5) % 8] = 2
    return (np.array([0, 1, -1])[y] + 0.2 * rng.standard_normal(y.shape)).astype(np.float32)[:, None], y


def partitions(kind: str) -> Partitions:
    rng = np.random.default_rng(0)
    if kind in ("numbers", "labels"):
        x = rng.standard_normal((60, 5)).astype(np.float32)
        y = (x @ rng.standard_normal((5, 2)) + [3, -1]).astype(np.float32)
        targets, shape = TargetSpec("number", ("height", "weight"), (2,), integer=False), ()
        if kind == "labels":
            y, targets = y.astype(int).sum(1) % 3, TargetSpec("class", NAMES)
    else:
        x, y = squares(rng, 60)
        targets, shape = TargetSpec("mask", NAMES, (8, 8)), (1, 8, 8)
        if kind == "probabilities":
            y, targets = (y == 1).astype(np.float32)[:, None], TargetSpec("mask", (), (1, 8, 8), integer=False)
    ids = np.arange(60)
    parts = [Partition(x[a:b], y[a:b], ids[a:b], shape) for a, b in ((0, 40), (40, 50), (50, 60))]
    return Partitions(kind, targets, *parts, skipped=(), fingerprint=kind)


@pytest.fixture
def spec_for(make_spec: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunSpec]:
    """A specification whose dataset is one of `partitions`."""

    def make(kind: str, **options: object) -> RunSpec:
        monkeypatch.setattr(Datasets, "load", lambda self, data, preprocessing: partitions(data.dataset))
        small = {"dataset": kind, "optimizer": "adam", "learning_rate": 0.02, "model_seed": 1, "select": ""}
        if kind in ("classes", "probabilities"):
            small |= {"model": "unet", "layers": None, "model_option": ("depth=1", "width=4")}
        return make_spec(**small | options)

    return make


ENGINES = ("numpy", "numba", "torch", "jax", "reference")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["classes", "probabilities", "numbers"])
def test_every_engine_learns(spec_for, kind: str, engine: str) -> None:
    few = {"epochs": 4}
    if engine == "reference":
        few = {"epochs": 1, "batch_size": 20, "dtype": "float64"}
        few |= {"model_option": ("depth=1", "width=1")} if kind != "numbers" else {}
    done = run(spec_for(kind, engine=engine, **few))
    epochs, result = done.epochs(), done.result()
    assert result is not None
    assert result.test is not None
    assert (
        list(epochs[0].train)
        == {
            "classes": ["cost", "loss", "iou", "dice", "accuracy"],
            "probabilities": ["cost", "loss", "iou", "dice", "mae"],
            "numbers": ["cost", "loss", "rmse", "r2", "mae"],
        }[kind]
    )
    if engine != "reference":
        assert epochs[-1].train.loss < 0.8 * epochs[0].train.loss
    assert done.dataset.targets == partitions(kind).targets


class Steps(Observer):
    """What came out of the steps of the last epoch."""

    def __init__(self) -> None:
        self.epoch, self.found = 0, []

    def step_done(self, event: StepDone) -> None:
        if event.progress.epoch != self.epoch:
            self.epoch, self.found = event.progress.epoch, []
        self.found.append((np.array(event.result.output), event.batch.y, event.result.loss))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["labels", "classes", "probabilities", "numbers"])
def test_measures_are_scikit_learns_on_predictions_read_back(spec_for, kind: str, engine: str) -> None:
    """Of each partition one sample at a time, without noise and dropout; of an epoch what came out of its steps."""
    options = {"engine": engine, "dtype": "float64", "epochs": 2, "batch_size": 12, "noise": 0.3, "weight_decay": 0.1}
    if kind in ("labels", "numbers"):
        options |= {"batch_norm": True, "dropout": 0.4}
    elif engine == "reference":
        options |= {"epochs": 1, "model_option": ("depth=1", "width=1")}
    steps = Steps()
    done = run(spec_for(kind, **options), [steps])
    predictor, result, (*_, epoch) = open_run(done.path).predictor(), done.result(), done.epochs()
    penalty = 0.1 / 2 * sum(np.sum(w**2) for w in done.weights().values() if w.ndim > 1)
    for name, data in (
        ("train", partitions(kind).train),
        ("dev", partitions(kind).dev),
        ("test", partitions(kind).test),
    ):
        pairs = zip(data.x, data.y, strict=True)
        values = [predictor.forward({"x": x[None], "y": np.asarray(y)[None]}) for x, y in pairs]
        found, outputs = getattr(result, name), np.concatenate([v[predictor.graph.output] for v in values])
        loss = np.mean([v[predictor.graph.loss] for v in values])
        expected = {"loss": loss, "cost": loss + penalty} | scikit_learn(outputs, data.y)
        assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-9), name
    assert epoch.dev == result.dev
    outputs, y, losses = zip(*steps.found, strict=True)
    sizes = list(map(len, y))
    assert sizes == [12, 12, 12, 4]
    assert epoch.train.loss == pytest.approx(np.average(losses, weights=sizes), rel=1e-9)
    streamed = {k: v for k, v in scikit_learn(np.concatenate(outputs), np.concatenate(y)).items() if k in epoch.train}
    assert len(streamed) >= 1
    assert {key: epoch.train[key] for key in streamed} == pytest.approx(streamed, rel=1e-9)


def scikit_learn(outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Metrics of the tasks, from the network's outputs."""
    if y.ndim == 2:
        squared = sk.root_mean_squared_error(y, outputs)
        return {"rmse": squared, "r2": sk.r2_score(y, outputs), "mae": sk.mean_absolute_error(y, outputs)}
    if y.ndim == 4:
        probability = 1 / (1 + np.exp(-outputs))
        masks = (y >= 0.5).ravel(), (probability >= 0.5).ravel()
        mae = sk.mean_absolute_error(y.ravel(), probability.ravel())
        return {"iou": sk.jaccard_score(*masks), "dice": sk.f1_score(*masks), "mae": mae}
    classes = y.ravel(), outputs.argmax(1).ravel()
    macro = sk.f1_score(*classes, average="macro")
    found = {"accuracy": sk.accuracy_score(*classes), "macro_f1" if y.ndim == 1 else "dice": macro}
    return found | ({"iou": sk.jaccard_score(*classes, average="macro")} if y.ndim == 3 else {})


def test_final_metrics_are_those_of_the_kept_weights(spec_for) -> None:
    """The network is computed anew from what the run kept, and measured by scikit-learn."""
    data = partitions("classes").test
    done = run(spec_for("classes", epochs=6))
    predictor, found = done.predictor(), done.result().test
    scores = predictor.forward({"x": data.x})[predictor.graph.output]
    true, answer = data.y.ravel(), scores.argmax(1).ravel()
    assert found.accuracy == sk.accuracy_score(true, answer)
    assert found.iou == pytest.approx(sk.jaccard_score(true, answer, average="macro"))
    assert found.dice == pytest.approx(sk.f1_score(true, answer, average="macro"))
    kept = dict(np.load(done.path / "final.npz"))
    assert np.array_equal(kept["confusion"], sk.confusion_matrix(true, answer))
    assert np.array_equal(kept["samples_predicted"], scores.argmax(1))
    assert np.array_equal(kept["samples_y"], data.y)
    assert found.iou > 0.6


def test_numbers_are_kept_for_the_scatter_plot(spec_for) -> None:
    data = partitions("numbers")
    done = run(spec_for("numbers", epochs=30, show_samples=3))
    predictor, found = done.predictor(), done.result().test
    predicted = predictor.forward({"x": data.test.x})[predictor.graph.output]
    assert found.r2 == pytest.approx(sk.r2_score(data.test.y, predicted))
    assert found.rmse == pytest.approx(sk.root_mean_squared_error(data.test.y, predicted))
    assert found.loss == pytest.approx(np.mean((predicted - data.test.y) ** 2), rel=1e-5)
    kept = dict(np.load(done.path / "final.npz"))
    assert np.allclose(kept["predicted"], predicted)
    assert np.array_equal(kept["target"], data.test.y)
    arrays = done.arrays(30)
    assert arrays["predicted_dev"].shape == arrays["target_dev"].shape == (10, 2)
    assert arrays["samples_predicted"].shape == arrays["samples_y"].shape == (3, 2)
    assert found.r2 > 0.8


def test_probabilities_are_kept_as_such(spec_for) -> None:
    done = run(spec_for("probabilities", epochs=6, pos_weight=3.0, show_samples=2))
    shown = done.arrays(6)["samples_predicted"]
    assert shown.shape == (2, 1, 8, 8)
    assert 0 <= shown.min() < 0.3
    assert 0.7 < shown.max() <= 1
    assert done.graph.node["loss"].op.pos_weight == 3
    assert done.result().test.max_f_beta > 0.9


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_resumed_to_the_same_bits(spec_for, assert_same_end, engine: str) -> None:
    """Streaming statistics of an epoch under way are as exact as weights are."""

    class Stop(Observer):
        def step_done(self, event: StepDone) -> None:
            if event.progress.step == 7:
                raise KeyboardInterrupt

    for kind in ("classes", "probabilities", "numbers"):
        whole = run(spec_for(kind, engine=engine, name=f"whole-{kind}"))
        with pytest.raises(KeyboardInterrupt):
            run(spec_for(kind, engine=engine, name=f"cut-{kind}", checkpoint_every=1), [Stop()])
        cut = open_run(whole.path.parent / f"cut-{kind}")
        resume(cut.path)
        assert_same_end(open_run(cut.path), whole)


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        ("classes", "mse"), ("classes", "dice"), ("probabilities", "dice"), ("probabilities", "mse"),
        ("numbers", "l1"), ("numbers", "smooth_l1"),
    ],
)  # fmt: skip
def test_other_losses(spec_for, kind: str, loss: str) -> None:
    first, *_, last = run(spec_for(kind, loss=loss, epochs=5)).epochs()
    assert last.train.loss < 0.9 * first.train.loss


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        ("classes", {"loss": "bce"}, "loss is 'bce'; for segmentation there are cross_entropy, nll, mse, dice"),
        ("numbers", {"loss": "hinge"}, "loss is 'hinge'; for regression there are mse, l1, smooth_l1"),
        ("probabilities", {"label_smoothing": 0.1}, "label_smoothing does not go with bce"),
        ("probabilities", {"loss": "mse", "pos_weight": 2.0}, "pos_weight is for loss=bce, not mse"),
        ("classes", {"follow": "rmse"}, "follow is 'rmse'; for this data there are cost, loss, iou, dice, accuracy"),
        (
            "classes",
            {"model": "mlp", "model_option": ()},
            r"model 'mlp' puts out \(N, 3\), and segmentation .* needs \(N, 3, 8, 8\); such as model=unet puts out",
        ),
    ],
)
def test_what_does_not_fit(spec_for, tmp_path: Path, kind: str, options: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        run(spec_for(kind, **options))
    assert not (tmp_path / "runs").exists()


def test_what_is_followed_tells_the_best_epoch(make_spec) -> None:
    done = run(make_spec(epochs=8, follow="accuracy", early_stopping=2, learning_rate=0.05))
    accuracies = [epoch.dev.accuracy for epoch in done.epochs()]
    assert done.result().best_epoch == 1 + accuracies.index(max(accuracies))
    assert accuracies.index(max(accuracies)) != np.argmin([epoch.dev.cost for epoch in done.epochs()])


@pytest.mark.parametrize("engine", ["numpy", "torch", "jax"])
def test_deep_supervision_minimises_a_weighted_sum(spec_for, engine: str) -> None:
    """The cost is worked out anew from the outputs of the kept weights."""
    data = partitions("classes").test
    deep = {"model_option": ("depth=2", "width=4", "deep_supervision=true"), "loss_weights": (1.0, 0.25)}
    done = run(spec_for("classes", epochs=4, engine=engine, **deep))
    predictor = done.predictor()
    outputs = predictor.forward({"x": data.x}, want=predictor.graph.outputs)
    losses = [sk.log_loss(data.y.ravel(), softmax(outputs[name])) for name in predictor.graph.outputs]
    assert len(losses) == 2
    assert done.result().test.loss == pytest.approx(losses[0] + 0.25 * losses[1], rel=1e-5)
    assert done.epochs()[-1].train.loss < 0.8 * done.epochs()[0].train.loss
    with pytest.raises(UserError, match=r"loss_weights gives 3; model 'unet' has the outputs head, up2.scores"):
        run(spec_for("classes", **deep | {"loss_weights": (1, 1, 1)}))


def softmax(scores: np.ndarray) -> np.ndarray:
    """(M, C, H, W) scores as one row of probabilities a pixel."""
    e = np.exp(scores.astype(np.float64))
    return (e / e.sum(1, keepdims=True)).transpose(0, 2, 3, 1).reshape(-1, scores.shape[1])


MODEL = """
from backproof.graph import Sequential
from backproof.ops import Linear, LogSoftmax, {loss}

def net(input, classes):
    return Sequential(("fc", Linear(classes)), ("log", LogSoftmax())).build(input).with_loss({loss}())
"""


def test_a_network_that_ends_in_its_own_loss(make_spec, tmp_path: Path) -> None:
    """NLL behind a LogSoftmax is cross-entropy."""
    file = tmp_path / "own.py"
    file.write_text(MODEL.format(loss="NLLLoss").replace("Sequential((", "Sequential(('flat', Flatten()), (")
                    .replace("import Linear", "import Flatten, Linear"))  # fmt: skip
    ours = run(make_spec(model=f"{file}:net", layers=None, name="own"))
    usual = run(make_spec(model="one_layer", layers=None, name="usual"))
    losses = [[epoch.train.loss for epoch in done.epochs()] for done in (ours, usual)]
    assert losses[0] == pytest.approx(losses[1], rel=0.2)
    assert losses[0][-1] < losses[0][0]
    with pytest.raises(UserError, match=r"loss does not go with model=.*, which ends in its own loss"):
        run(make_spec(model=f"{file}:net", layers=None, loss="nll"))
    file.write_text(file.read_text().replace("NLLLoss", "MSE"))
    assert run(make_spec(model=f"{file}:net", layers=None)).graph.inputs[1].kind == "float", "classes become one-hot"


def test_a_network_whose_loss_takes_other_targets(spec_for, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(MODEL.format(loss="NLLLoss"))
    with pytest.raises(UserError, match=r"loss 'loss' takes int targets \(N,\); the data has float targets \(N, 2\)"):
        run(spec_for("numbers", model=f"{file}:net", layers=None))
