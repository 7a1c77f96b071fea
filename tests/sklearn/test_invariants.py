"""What holds of every estimator's training and predictions, on every engine."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

import backproof as bp
from backproof.data import Batches
from backproof.engines import ENGINES, get_engine, installed
from backproof.ops import BatchNorm, Dropout, Flatten, Linear, ReLU

TRAINING_ENGINES = [name for name in ENGINES if installed(name) and get_engine(name).capabilities.trains]

OPTIONS = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-2, "random_state": 0, "dtype": "float64"}


def two_modes(input, classes):
    """A model that is another one in training than in evaluation."""
    net = bp.Builder(input)
    x = net("fc1", Linear(8, bias=False), net("flatten", Flatten(), net.x))
    x = net("dropout", Dropout(0.4), net("relu", ReLU(), net("bn", BatchNorm(), x)))
    return net.graph(net("fc2", Linear(classes), x))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:70] / 16, y[:70] % 3


@pytest.mark.parametrize("engine", TRAINING_ENGINES)
@pytest.mark.parametrize("kind", [bp.sklearn.Classifier, bp.sklearn.Regressor])
def test_predictions_are_those_of_evaluation_mode_whatever_the_batch(digits, kind, engine):
    X, y = digits
    estimator = kind(two_modes, engine=engine, **OPTIONS).fit(X, y if kind is bp.sklearn.Classifier else y - 1.0)
    predict = estimator.decision_function if kind is bp.sklearn.Classifier else estimator.predict
    whole = predict(X)
    alone = np.concatenate([predict(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(whole, alone, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(predict(X[::-1]), alone[::-1], rtol=1e-9, atol=1e-12)
    exact = get_engine("reference").compile(estimator.graph_, estimator.weights_)
    outputs = exact.forward({exact.graph.inputs[0].name: X})[exact.graph.output]
    np.testing.assert_allclose(whole, outputs.reshape(whole.shape), rtol=1e-9, atol=1e-12)
    if kind is bp.sklearn.Classifier:
        assert estimator.score(X, y) == accuracy_score(y, outputs.argmax(1))
    else:
        assert estimator.score(X, y - 1.0) == pytest.approx(r2_score(y - 1.0, outputs[:, 0]))


@pytest.mark.parametrize("engine", TRAINING_ENGINES)
def test_what_is_set_aside_is_measured_as_scikit_learn_does(digits, engine):
    """On the weights that are given back: those of the best epoch."""
    X, y = digits
    stop = {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 1}
    options = OPTIONS | {"epochs": 40, "learning_rate": 0.2} | stop
    estimator = bp.sklearn.Classifier(two_modes, engine=engine, **options).fit(X, y)
    seed = int(check_random_state(0).randint(np.iinfo(np.int32).max))
    _, aside = train_test_split(np.arange(len(X)), test_size=0.2, random_state=seed, stratify=y)
    best = int(np.argmin(estimator.validation_loss_curve_))
    assert best == estimator.n_iter_ - 2, "the last epoch is another one"
    found = estimator.predict_proba(X[aside])
    assert estimator.validation_loss_curve_[best] == pytest.approx(log_loss(y[aside], found), rel=1e-9)
    assert estimator.validation_scores_[best] == accuracy_score(y[aside], found.argmax(1))


def test_loss_curve_is_the_loss_before_each_full_batch(digits):
    X, y = digits
    options = OPTIONS | {"batch_size": "full", "model_options": {"layers": (4,)}}
    losses = [
        log_loss(y, bp.sklearn.Classifier(**options | {"epochs": n}).fit(X, y).predict_proba(X)) for n in range(3)
    ]
    fitted = bp.sklearn.Classifier(**options | {"epochs": 3}).fit(X, y)
    assert fitted.loss_curve_ == pytest.approx(losses, rel=1e-9)
    numbers = bp.sklearn.Regressor(**options | {"epochs": 1}).fit(X, y.astype(float))
    start = bp.sklearn.Regressor(**options | {"epochs": 0}).fit(X, y.astype(float))
    assert numbers.loss_curve_ == pytest.approx([mean_squared_error(y, start.predict(X))], rel=1e-9)


@pytest.mark.parametrize(
    ("last_batch", "sizes"), [("keep", [16, 16, 16, 16, 6]), ("drop", [16] * 4), ("even", [14] * 5)]
)
def test_an_epoch_sees_each_sample_once(digits, monkeypatch, last_batch, sizes):
    """In fits and in portions alike."""
    X, y = digits
    seen = []
    epoch = Batches.epoch

    def watched(self, *arguments, **how):
        seen.append([])
        for batch in epoch(self, *arguments, **how):
            seen[-1].append((len(batch.y), [row.tobytes() for row in batch.x]))
            yield batch

    monkeypatch.setattr(Batches, "epoch", watched)
    estimator = bp.sklearn.Classifier("one_layer", train_options={"last_batch": last_batch}, **OPTIONS)
    estimator.fit(X, y).partial_fit(X, y)
    rows = {row.tobytes() for row in X}
    assert len(seen) == 3
    assert len(rows) == 70
    for batches in seen:
        assert [size for size, _ in batches] == sizes
        came = [row for _, samples in batches for row in samples]
        assert len(set(came)) == len(came) == sum(sizes)
        assert set(came) <= rows


def test_a_tiny_last_batch_is_noted_and_one_of_one_refused_in_the_estimators_words(digits, capsys):
    X, y = digits
    options = OPTIONS | {"batch_size": 23, "epochs": 1}
    bp.sklearn.Classifier("one_layer", **options).fit(X, y)
    assert capsys.readouterr().out == ""
    bp.sklearn.Classifier("one_layer", verbose=True, **options).fit(X, y)
    note, _ = capsys.readouterr().out.splitlines()
    assert note.startswith("note: the last batch of each epoch has 1 sample, the others 23: ")
    assert "train_options={'last_batch': 'even'} makes batches of equal size" in note
    with pytest.raises(ValueError, match=r"take batch_size=24 or train_options=\{'last_batch': 'even'\}$"):
        bp.sklearn.Classifier(two_modes, **options).fit(X, y)
    for last_batch in ("even", "drop"):
        bp.sklearn.Classifier(two_modes, train_options={"last_batch": last_batch}, **options).fit(X, y)
    with pytest.raises(ValueError, match="last_batch is 'evn'; did you mean even"):
        bp.sklearn.Classifier(train_options={"last_batch": "evn"}).fit(X, y)
