"""What the estimator promises beyond scikit-learn's own checks."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

import backproof as bp
from backproof.engines import ENGINES, get_engine, installed
from backproof.ops import Add, BatchNorm, Dropout, Flatten, Linear, ReLU

CLASSIFIER_ENGINES = [name for name in ENGINES if installed(name) and get_engine(name).capabilities.trains]

SMALL = {"model_options": {"layers": (16,)}, "epochs": 4, "learning_rate": 1e-2, "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


def same_bits(a, b):
    assert a.weights_.keys() == b.weights_.keys()
    for name, weight in a.weights_.items():
        np.testing.assert_array_equal(weight, b.weights_[name], err_msg=name)


def residual(input, classes, *, width=16, rate=0.0):
    """A model of the user's own."""
    net = bp.Builder(input)
    x = net("stem", Linear(width), net("flatten", Flatten(), net.x))
    h = net("relu", ReLU(), net("norm", BatchNorm(), net("fc", Linear(width), x)))
    x = net("dropout", Dropout(rate), net("add", Add(), h, x))
    return net.graph(net("head", Linear(classes), x))


def test_grid_search_over_a_pipeline(digits):
    pipeline = make_pipeline(StandardScaler(), bp.sklearn.Classifier(**SMALL))
    grid = {
        "classifier__model_options": [{"layers": np.array([8])}, {"layers": (32,)}],
        "classifier__learning_rate": np.logspace(-4, -2, 2),
        "classifier__batch_size": np.array([16, 32]),
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(*digits)
    assert search.best_params_["classifier__learning_rate"] == 1e-2
    assert search.best_params_["classifier__model_options"] == {"layers": (32,)}
    assert search.best_score_ > 0.85


def test_cross_validation(digits):
    scores = cross_val_score(bp.sklearn.Classifier(**SMALL | {"epochs": 15}), *digits, cv=3, scoring="roc_auc_ovr")
    assert scores.min() > 0.97


@pytest.mark.parametrize("random_state", [0, 7])
def test_equal_random_states_give_equal_bits(digits, random_state):
    estimator = bp.sklearn.Classifier(residual, model_options={"rate": 0.3}, epochs=3, random_state=random_state)
    a, b = clone(estimator).fit(*digits), clone(estimator).fit(*digits)
    same_bits(a, b)
    assert a.loss_curve_ == b.loss_curve_
    other = clone(estimator).set_params(random_state=1).fit(*digits)
    assert not np.array_equal(other.weights_["head.weight"], a.weights_["head.weight"])


def test_a_random_state_moves_on(digits):
    estimator = bp.sklearn.Classifier(**SMALL | {"random_state": np.random.RandomState(0)})
    first = estimator.fit(*digits).weights_["fc1.weight"]
    assert not np.array_equal(first, estimator.fit(*digits).weights_["fc1.weight"])


@pytest.mark.parametrize("engine", [name for name in CLASSIFIER_ENGINES if name != "reference"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_warm_start_goes_on_to_the_same_bits(digits, engine, optimizer):
    options = {"model_options": {"layers": (16,), "dropout": 0.2}, "optimizer": optimizer, "engine": engine}
    whole = bp.sklearn.Classifier(**SMALL | options | {"epochs": 6}).fit(*digits)
    parts = bp.sklearn.Classifier(**SMALL | options | {"epochs": 2}, warm_start=True).fit(*digits)
    parts.fit(*digits)
    parts = pickle.loads(pickle.dumps(parts))  # weights and optimizer state go through the pickle
    parts.predict(digits[0])
    parts.fit(*digits)
    same_bits(whole, parts)
    assert whole.loss_curve_ == parts.loss_curve_
    assert parts.n_iter_ == 6


def test_without_warm_start_fit_begins_anew(digits):
    estimator = bp.sklearn.Classifier(**SMALL)
    once = clone(estimator).fit(*digits)
    same_bits(once, estimator.fit(*digits).fit(*digits))
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 4


def test_partial_fit_is_an_epoch(digits):
    X, y = digits
    one = bp.sklearn.Classifier(**SMALL)
    for _ in range(4):
        one.partial_fit(X, y, classes=range(10))
    same_bits(one, bp.sklearn.Classifier(**SMALL).fit(X, y))

    stream = bp.sklearn.Classifier(**SMALL).partial_fit(X[y < 3], y[y < 3], classes=range(10))
    assert stream.predict_proba(X).shape == (300, 10)
    with pytest.raises(ValueError, match=r"y has labels that are not in classes: 77"):
        stream.partial_fit(X, np.where(y == 0, 77, y))
    with pytest.raises(ValueError, match=r"classes differ from those of the first call, 0, 1, "):
        stream.partial_fit(X, y, classes=range(11))
    with pytest.raises(ValueError, match=r"first call of partial_fit needs classes"):
        bp.sklearn.Classifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"early_stopping is for fit"):
        bp.sklearn.Classifier(early_stopping=True).partial_fit(X, y, classes=range(10))


def test_engines_agree_and_can_be_changed_after_fit(digits):
    X, y = digits
    fitted = {
        name: bp.sklearn.Classifier(**SMALL | {"epochs": 1}, engine=name, dtype="float64").fit(X[:40], y[:40])
        for name in CLASSIFIER_ENGINES
    }
    expected = fitted["numpy"].predict_proba(X[:40])
    assert expected.dtype == np.float64
    for estimator in fitted.values():
        np.testing.assert_allclose(estimator.predict_proba(X[:40]), expected, rtol=1e-10)
        moved = estimator.set_params(engine="numpy", dtype="float32").predict_proba(X[:40])
        assert moved.dtype == np.float32
        np.testing.assert_allclose(moved, expected, rtol=1e-4)


def test_early_stopping_gives_back_the_best_epoch(digits):
    X, y = digits
    options = SMALL | {"epochs": 200, "learning_rate": 0.05, "early_stopping": True, "n_iter_no_change": 3}
    estimator = bp.sklearn.Classifier(**options).fit(X, y)
    best = int(np.argmin(estimator.validation_loss_curve_))
    assert estimator.n_iter_ == best + 1 + 3 < 200
    assert len(estimator.validation_scores_) == estimator.n_iter_
    until_then = clone(estimator).set_params(epochs=best + 1).fit(X, y)
    same_bits(estimator, until_then)


def test_class_weights(digits):
    X, y = digits
    rare = (y == 0) | (y == 8)
    X, y = X[rare], np.where(y[rare] == 8, "eight", "other")
    plain = bp.sklearn.Classifier(**SMALL).fit(X, y)
    heavy = bp.sklearn.Classifier(**SMALL, class_weight={"eight": 1e3}).fit(X, y)
    assert heavy.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean() + 0.1
    equal = bp.sklearn.Classifier(**SMALL, class_weight="balanced").fit(X, y)
    assert equal.graph_.node["loss"].op.class_weights == tuple(len(y) / (2 * np.unique(y, return_counts=True)[1]))
    with pytest.raises(ValueError, match="'balanced' is for fit"):
        equal.partial_fit(X, y)
    with pytest.raises(ValueError, match="are not in class_weight"):
        bp.sklearn.Classifier(class_weight={"nine": 2}).fit(X, y)


@pytest.fixture(scope="module")
def overlapping():
    """Three classes of 240, 40 and 20 samples that no plane divides."""
    random = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [240, 40, 20])
    return random.normal(size=(300, 3)) + np.eye(3)[y], y


EXACT = {"model": "one_layer", "dtype": "float64", "batch_size": "full", "optimizer": "nesterov", "random_state": 0}


def test_a_class_weight_counts_as_that_many_samples(overlapping):
    X, y = overlapping
    options = EXACT | {"epochs": 20, "learning_rate": 0.5}
    weighted = bp.sklearn.Classifier(**options, class_weight={1: 3, 2: 2}).fit(X, y)
    times = np.array([1, 3, 2])[y]
    repeated = bp.sklearn.Classifier(**options).fit(X.repeat(times, axis=0), y.repeat(times))
    for name, weight in weighted.weights_.items():
        np.testing.assert_allclose(weight, repeated.weights_[name], rtol=1e-10, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-10)


@pytest.mark.parametrize("weight", ["balanced", {0: 0.5, 1: 2.0, 2: 5.0}, {2: 4}])
def test_class_weights_mean_what_they_mean_to_logistic_regression(overlapping, weight):
    X, y = overlapping
    theirs = LogisticRegression(C=np.inf, class_weight=weight, tol=1e-8, max_iter=1000).fit(X, y)
    ours = bp.sklearn.Classifier(**EXACT, class_weight=weight, epochs=2000, learning_rate=0.5).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_balanced_is_what_compute_class_weight_says(overlapping):
    X, y = overlapping
    names = np.array(["c", "a", "b"])
    weights = compute_class_weight("balanced", classes=np.array(["a", "b", "c"]), y=names[y])
    options = EXACT | {"epochs": 3}
    balanced = bp.sklearn.Classifier(**options, class_weight="balanced").fit(X, names[y])
    by_name = bp.sklearn.Classifier(**options, class_weight=dict(zip("abc", weights, strict=True))).fit(X, names[y])
    same_bits(balanced, by_name)


@pytest.mark.parametrize("weight", [0, -1, np.nan, np.inf])
def test_a_class_weight_that_is_none(overlapping, weight):
    with pytest.raises(ValueError, match=r"class_weight is \{1: .*\}; each weight must be above 0"):
        bp.sklearn.Classifier(class_weight={1: weight}).fit(*overlapping)


def test_images_as_they_come_and_as_rows(digits):
    X, y = digits
    images = X.reshape(-1, 1, 8, 8)
    options = {"model_options": {"channels": 4}, "epochs": 2, "random_state": 0}
    as_images = bp.sklearn.Classifier("cnn", **options).fit(images, y)
    as_rows = bp.sklearn.Classifier("cnn", **options, input_shape=[1, 8, 8]).fit(X, y)
    same_bits(as_images, as_rows)
    np.testing.assert_array_equal(as_images.predict(images), as_rows.predict(X))
    assert as_rows.n_features_in_ == 64
    with pytest.raises(ValueError, match=r"X has shape \(300, 64\); samples had the shape \(1, 8, 8\) in the fit"):
        as_images.predict(X)
    with pytest.raises(ValueError, match=r"input_shape \(3, 8, 8\) has 192 values; .* have the shape \(64,\)"):
        bp.sklearn.Classifier("cnn", input_shape=(3, 8, 8)).fit(X, y)
    with pytest.raises(ValueError, match=r"it takes images .* give input_shape=\(channels, height, width\)$"):
        bp.sklearn.Classifier("cnn").fit(X, y)


def test_labels_of_any_kind_and_outputs(digits):
    X, y = digits
    words = np.array(["even", "odd"])[y % 2]
    estimator = bp.sklearn.Classifier(**SMALL).fit(X, words)
    assert set(estimator.predict(X)) == {"even", "odd"}
    scores, proba = estimator.decision_function(X), estimator.predict_proba(X)
    assert scores.shape == (300,)
    np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-5)
    np.testing.assert_allclose(np.exp(estimator.predict_log_proba(X)), proba, rtol=1e-4)
    np.testing.assert_array_equal(estimator.predict(X) == "odd", scores > 0)


def test_pickle_holds_arrays_and_no_trainer(digits, tmp_path):
    """It is opened in a fresh process, on another engine, which is all that is loaded."""
    X, y = digits
    engine = "torch" if installed("torch") else "numpy"
    estimator = bp.sklearn.Classifier(**SMALL, engine=engine).fit(X, y)
    (tmp_path / "estimator.pickle").write_bytes(pickle.dumps(estimator.set_params(engine="numpy")))
    np.savez(tmp_path / "expected.npz", X=X, y=estimator.predict(X))
    code = """
import pickle, sys
import numpy as np

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled())
estimator = pickle.load(open("estimator.pickle", "rb"))
expected = np.load("expected.npz")
assert (estimator.predict(expected["X"]) == expected["y"]).all()
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_weights_are_canonical_and_can_be_written(digits, tmp_path):
    X, y = digits
    estimator = bp.sklearn.Classifier(**SMALL).fit(X, y)
    assert {name: w.shape for name, w in estimator.weights_.items()} == {
        "fc1.weight": (16, 64),
        "fc1.bias": (16,),
        "fc2.weight": (10, 16),
        "fc2.bias": (10,),
    }
    bp.write_weights(tmp_path / "digits.safetensors", estimator.weights_)
    options = {"weights": str(tmp_path / "digits.safetensors")}
    again = bp.sklearn.Classifier(**SMALL | {"epochs": 0}, train_options=options).fit(X, y)
    same_bits(again, estimator)


def test_many_threads_may_ask_at_once(digits):
    X, y = digits
    estimator = bp.sklearn.Classifier(**SMALL).fit(X, y)
    expected = estimator.predict_proba(X)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: estimator.predict_proba(X), range(64)):
            np.testing.assert_array_equal(found, expected)


def test_train_options_are_those_of_a_run(digits):
    X, y = digits
    plain = bp.sklearn.Classifier(**SMALL).fit(X, y)
    options = {"weight_decay": np.float64(0.1), "schedule": "cosine", "init": "zeros", "noise": 0.1}
    assert not np.array_equal(clone(plain).set_params(train_options=options).fit(X, y).predict(X), plain.predict(X))


def test_a_model_from_a_file(digits, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from backproof import Sequential\n"
        "from backproof.ops import Linear, Tanh\n"
        "def net(input, classes, *, width=8):\n"
        "    return Sequential(Linear(width), Tanh(), Linear(classes)).build(input)\n"
    )
    estimator = bp.sklearn.Classifier(f"{file}:net", model_options={"width": 12}, epochs=3).fit(*digits)
    assert estimator.graph_.parameter_count == 64 * 12 + 12 + 12 * 10 + 10
    file.unlink()
    assert pickle.loads(pickle.dumps(estimator)).predict(digits[0]).shape == (300,)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"model": "mpl"}, "unknown model 'mpl'; did you mean mlp"),
        ({"model": 5}, "model is a int; it must be a name"),
        ({"model_options": {"layer": (3,)}}, "model 'mlp' takes no option 'layer'; its options are layers"),
        ({"model": lambda input, classes: 3}, "returned a int; it must return a Graph"),
        ({"model": "unet", "input_shape": (1, 8, 8)}, "model puts out .* a class for each pixel"),
        ({"model_options": (3,)}, r"model_options is \(3,\); it must be a dict of options by name"),
        ({"train_options": "noise"}, "train_options is 'noise'; it must be a dict of options by name"),
        ({"input_shape": 64}, "input_shape is 64; it must be a sample's shape"),
        ({"input_shape": (-1, 8)}, r"input_shape is \(-1, 8\); it must be a sample's shape"),
        ({"class_weight": "balancd"}, "'class_weight' .* must be an instance of 'dict'"),
        ({"engine": "numppy"}, "unknown engine 'numppy'; did you mean numpy"),
        ({"optimizer": "adm"}, "unknown optimizer 'adm'; did you mean adam"),
        ({"dtype": "float16"}, "dtype is 'float16'; did you mean float64 or float32"),
        ({"learning_rate": -1.0}, "learning_rate is -1; it must be 0 or more"),
        ({"learning_rate": "fast"}, r"^learning_rate: expected `float \| null`, got `str`"),
        ({"epochs": -1}, r"^epochs is -1; it must be 0 or more"),
        ({"batch_size": 0}, r"^batch_size is 0; it must be 1 or more, or full"),
        ({"train_options": {"weight_deca": 1}}, "unknown train option 'weight_deca'; did you mean weight_decay"),
        ({"train_options": {"epochs": 1}}, "which is a parameter of the estimator: write epochs="),
        ({"train_options": {"beta1": 0.9}, "optimizer": "sgd"}, "optimizer 'sgd' has no beta1; it has learning_rate"),
        ({"early_stopping": True, "validation_fraction": 1.5}, "validation_fraction is 1.5; it must be between 0"),
        (
            {"early_stopping": True, "validation_fraction": 0.01},
            "validation_fraction 0.01 of 300 samples leaves",
        ),
        ({"early_stopping": True, "n_iter_no_change": 0}, "n_iter_no_change is 0; it must be 1 epoch or more"),
        (
            {"model_options": {"batch_norm": True}, "batch_size": 23},
            "batch_size=23 leaves a batch of one .* take batch",
        ),
        ({"learning_rate": 1e200, "optimizer": "sgd"}, "the loss is no longer finite in epoch .* StandardScaler"),
        ({"input_shape": (64,), "random_state": "x"}, "'x' cannot be used to seed"),
    ],
)
def test_bad_parameters_are_told_by_fit(digits, parameters, sentence):
    estimator = bp.sklearn.Classifier(**{"epochs": 3} | parameters)
    with pytest.raises(ValueError, match=sentence):
        estimator.fit(*digits)
    with pytest.raises(NotFittedError):
        estimator.predict(digits[0])


def test_errors_are_user_errors_too(digits):
    with pytest.raises(bp.UserError, match="unknown engine"):
        bp.sklearn.Classifier(engine="x").fit(*digits)


def test_a_warm_start_refuses_what_does_not_fit(digits):
    X, y = digits
    estimator = bp.sklearn.Classifier(**SMALL, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="y has other classes than the last fit, whose were 0, 1, 2, 3"):
        estimator.fit(X[y < 4], y[y < 4])
    with pytest.raises(ValueError, match="the network or its loss is another one than in the last fit"):
        estimator.set_params(model_options={"layers": (17,)}).fit(X, y)


def test_verbose(digits, capsys):
    bp.sklearn.Classifier(**SMALL | {"epochs": 2}, verbose=True, early_stopping=True).fit(*digits)
    note, first, second = capsys.readouterr().out.splitlines()
    assert note.startswith("note: the last batch of each epoch has 14 samples, the others 64")
    assert first.startswith("epoch 1: loss ")
    assert ", validation loss " in second


def test_scikit_learn_is_loaded_when_first_used():
    code = (
        "import sys, backproof as bp; assert 'sklearn' not in sys.modules and 'sklearn' in dir(bp); "
        "bp.sklearn.Classifier; assert 'sklearn' in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_loss_without_probabilities_is_refused(digits):
    with pytest.raises(ValueError, match="a classifier's loss is cross_entropy"):
        bp.sklearn.Classifier(train_options={"loss": "hinge"}).fit(*digits)


def test_dtype_is_that_of_the_samples(digits):
    X, y = digits
    fitted = bp.sklearn.Classifier(**SMALL).fit(X.astype(np.float32), y)
    assert {w.dtype for w in fitted.weights_.values()} == {np.dtype(np.float32)}
    assert fitted.predict_proba(X).dtype == np.float32, "that of the fit"
    assert bp.sklearn.Classifier(**SMALL).fit(X, y).predict_proba(X).dtype == np.float64
    assert bp.sklearn.Classifier(**SMALL, dtype="float32").fit(X, y).predict_proba(X).dtype == np.float32
