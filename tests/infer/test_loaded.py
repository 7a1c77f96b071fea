"""A model with all that belongs to it, whatever it comes from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backproof.data import PreprocessingOptions, load
from backproof.errors import UserError
from backproof.infer import load_model
from backproof.infer.loaded import outputs
from backproof.infer.metadata import Description, description_in, metadata_of
from backproof.interchange import write_weights
from backproof.runs.store import Run


def test_a_run_is_loaded_with_all_that_belongs_to_it(digits: Run):
    model = load_model(digits.path)
    assert (model.name, model.task, model.scores) == (digits.name, "classification", "logits")
    assert model.classes == tuple("0123456789")
    assert model.preprocessing == PreprocessingOptions(flatten=True, minmax=True)
    assert model.image_shape == (1, 8, 8)
    assert model.graph.loss is None
    assert [i.name for i in model.graph.inputs] == ["x"]
    assert model.origin == f"last weights of run '{digits.name}', after epoch 3"
    assert model.parameters.keys() == model.graph.parameters.keys()


def test_predictions_are_those_of_the_run(digits: Run):
    x = load(digits.spec.data, digits.spec.preprocessing).test.x
    model, graph = load_model(digits.path), digits.graph
    expected = digits.predictor().forward({"x": x, "y": np.zeros(len(x), np.int64)})[graph.output]
    assert np.array_equal(model.predict(x), expected)
    assert np.allclose(model.predict(x[3]), expected[3], atol=1e-6)
    probabilities = model.probabilities(expected)
    assert np.allclose(probabilities.sum(1), 1)
    assert np.array_equal(probabilities.argmax(1), expected.argmax(1))
    assert np.allclose(outputs(model.predictor("reference", dtype="float64"), x), expected, atol=1e-5)


def test_samples_of_another_shape_are_refused(digits: Run):
    with pytest.raises(UserError, match=r"takes samples of shape \(N, 64\), not \(2, 63\)"):
        load_model(digits.path).predict(np.zeros((2, 63)))


def test_best_weights_are_those_of_the_best_epoch(digits: Run):
    best = load_model(digits.path, which="best")
    costs = [record.dev.cost for record in digits.epochs() if record.dev is not None]
    assert best.origin == f"best weights of run '{digits.name}', after epoch {1 + int(np.argmin(costs))}"
    assert all(np.array_equal(a, digits.weights("best")[name]) for name, a in best.parameters.items())


def test_a_run_of_masks(shapes: Run):
    model = load_model(shapes.path)
    assert model.task == "segmentation"
    assert model.targets == replace(shapes.dataset.targets, shape=(16, 16))
    assert model.predict(np.zeros((2, 3, 16, 16), np.float32)).shape == (2, 4, 16, 16)


def test_a_registered_model_with_weights(digits: Run, tmp_path: Path):
    weights = tmp_path / "digits.safetensors"
    write_weights(weights, digits.weights())
    model = load_model("mlp", weights=str(weights), input=(64,), classes=10, model_options=["layers=16,"])
    x = np.random.default_rng(0).normal(size=(5, 64))
    assert np.array_equal(model.predict(x), load_model(digits.path).predict(x))
    assert (model.preprocessing, model.scores, model.classes[:2]) == (None, "logits", ("0", "1"))
    assert model.origin == f"weights of '{weights}'"
    named = load_model(digits.path, classes=[f"digit {i}" for i in range(10)])
    assert named.classes[3] == "digit 3"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"model": "lenet"}, "'lenet' is no run's folder, no .onnx file and no model; did you mean lenet5"),
        ({"model": "lenet5"}, "model 'lenet5' needs the shape of a sample: give input=C,H,W"),
        ({"model": "lenet5", "input": (1, 28, 28)}, "model 'lenet5' needs to know how many classes there are"),
        ({"model": "lenet5", "which": "best"}, "leave out which: it is for runs, and 'lenet5' is none"),
        ({"model": "lenet5", "weights": "x.pth", "input": (1, 28, 28), "classes": 10}, "there is no file of weights"),
        ({"model": "lenet5", "input": (1, 28, 28), "classes": 1, "task": "segmentation"}, "does not fit segmentation"),
    ],
)
def test_what_cannot_be_loaded_is_said(given: dict, sentence: str):
    with pytest.raises(UserError) as error:
        load_model(**given)
    assert sentence in str(error.value)


def test_options_that_a_run_has_itself_are_refused(digits: Run):
    with pytest.raises(UserError, match=rf"leave out weights: run '{digits.name}' has its own"):
        load_model(digits.path, weights="some.pth")
    with pytest.raises(UserError, match=r"3 names of classes are given, and model .* puts out 10"):
        load_model(digits.path, classes=["a", "b", "c"])


def test_what_the_output_is(tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        "from backproof.graph import Sequential\n"
        "from backproof.ops import Linear, LogSoftmax, Softmax, Sigmoid, Conv2d\n"
        "def plain(input, classes): return Sequential(Linear(classes)).build(input)\n"
        "def soft(input, classes): return Sequential(Linear(classes), Softmax()).build(input)\n"
        "def logs(input, classes): return Sequential(Linear(classes), LogSoftmax()).build(input)\n"
        "def mask(input, classes): return Sequential(Conv2d(classes, 1), Sigmoid()).build(input)\n"
    )

    def loaded(name: str, *shape: int, classes: int = 3, **more: object):
        return load_model(f"{tmp_path / 'mine.py'}:{name}", input=shape, classes=classes, **more)

    x = np.random.default_rng(0).normal(size=(2, 4))
    assert loaded("plain", 4).scores == "logits"
    for name in ("plain", "soft", "logs"):
        model = loaded(name, 4)
        assert np.allclose(model.probabilities(model.predict(x)).sum(1), 1)
    assert [loaded(name, 4).scores for name in ("soft", "logs")] == ["probabilities", "log_probabilities"]
    assert loaded("mask", 3, 8, 8, classes=1).scores == "probabilities"
    assert loaded("plain", 4, classes=1).task == "regression"
    assert loaded("plain", 4, task="regression").classes == ("y0", "y1", "y2")


def test_what_a_file_says_of_a_model_comes_back(digits: Run):
    model = load_model(digits.path)
    metadata = model.file_metadata()
    assert metadata["backproof.run"] == digits.name
    assert metadata["backproof.graph_hash"] == model.graph.hash
    assert description_in(metadata | {"producer": "other"}, "'x.onnx'") == Description(
        task="classification",
        classes=model.classes,
        scores="logits",
        preprocessing=PreprocessingOptions(flatten=True, minmax=True),
        image_shape=(1, 8, 8),
    )
    assert metadata_of(Description(), graph_hash="abc").keys() == {"backproof.graph_hash", "backproof.version"}


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("task", "guessing"),
        ("classes", "[1, 2]"),
        ("classes", "[3"),
        ("preprocessing", '{"blur": 3}'),
        ("preprocessing", '{"resize": [0, 3]}'),
        ("image_shape", '"wide"'),
    ],
)
def test_what_a_file_says_wrongly_is_refused(entry: str, text: str):
    with pytest.raises(UserError, match=r"'x.onnx': (what it says of itself|its preprocessing)"):
        description_in({f"backproof.{entry}": text}, "'x.onnx'")
