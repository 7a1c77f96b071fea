"""Faults of users' optimizers are found on steps that the check draws; what has no formula is not checked."""

import re
from pathlib import Path

import pytest
from right_files import OPTIMIZERS
from user_files import FORMULA, OPTIMIZER, PYTORCH, planted

import backproof as bp
from backproof.engines import installed
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.custom.file import check_file, read_file
from backproof.verify.custom.optimizer import check_steps
from backproof.view.check_terminal import distinct, in_words

BOTH = pytest.mark.parametrize(
    "beside",
    [FORMULA, pytest.param(PYTORCH, marks=pytest.mark.skipif(not installed("torch"), reason="PyTorch is missing"))],
    ids=["formula", "PyTorch"],
)

AGAINST_A_FORMULA = [
    ("g = np.clip(g, -3, 3)", "", "w = [0.0], gradients = [[-4.0]]: after step 1 w[0] is 0.03 of yours, 0.04 of"),
    ("", "dw = np.where(np.abs(w) > 3, 2 * dw, dw)", "1 step of 1 number"),
    ("", "dw = dw * (1.5 if t >= 10 else 1)", "10 steps of 1 number, the smallest case found"),
    ("", "dw = dw * (1.5 if t >= 200 else 1)", "200 steps of 1 number, the smallest case found"),
    ("", "dw = dw if o.momentum > 0.5 else 0.9 * dw", "Ball(momentum=0.45), 1 step of 1 number"),
    ("", "dw = dw * (1.1 if lr < 0.5 * o.lr else 1)", "schedule="),
]

WITHOUT = [
    ("", "dw = o.lr * v", "the schedule reaches it", "take lr, not o.lr"),
    (
        "",
        "dw = dw * (1.1 if lr != o.lr else 1)",
        "no jump where the schedule begins",
        "by 0.011 where",
    ),
    ("", "dw = dw * (1.1 if lr < o.lr else 1)", "no jump where the schedule begins", "o.lr stays"),
    ("g = g + o.weight_decay * w", "", "decay left to the engine", "1.009 with weight_decay=0.1, 1.01 without"),
    ("", "dw = dw * np.where(np.arange(len(w)) == 5, 2, 1)", "the same however parameters are cut", "of 6 numbers"),
    ("", "dw = dw * (1 + (len(w) % 2 == 0))", "the same however parameters are cut", "1 step of 2 numbers"),
    ("g = g / (np.linalg.norm(g) + 1e-8)", "", "the same however parameters are cut", "element by element"),
    (
        "k = ball.__dict__; v = k.get('v', v) if t > 1 else v",
        "k['v'] = v",
        "nothing kept between parameters",
        "in between",
    ),
    ("ball.n = getattr(ball, 'n', 0) + 1", "dw = dw * (1 + (ball.n > 30))", "the same again", "in call 31"),
    ("g = g + 1e-3 * np.random.rand(*g.shape)", "", "the same again", "draws nothing at random"),
    ("", "dw = -dw", "it goes downhill", "nowhere below 1"),
    ("g = np.where(g == 0, g / g, g)", "", "finite", "gradients = [[0.0]]: after step 1 w[0] is nan"),
]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def written(text: str) -> Path:
        Path("mine.py").write_text(text)
        return Path("mine.py")

    return written


def drawn(path: Path, seed: int = 0):
    (kind,) = read_file(path)
    return list(check_steps(kind, FindingBuilder(kind.__name__, "", "yours", "float64"), (seed,)))


def shown_again(told: str, what: str) -> None:
    """The command that is told raises what it says."""
    (again,) = re.findall(r'again: python -c "(.*)"$', told)
    with pytest.raises(AssertionError, match=re.escape(what)):
        exec(again, {})


@BOTH
@pytest.mark.parametrize(("gradient", "change", "words"), AGAINST_A_FORMULA)
def test_a_wrong_formula_is_found_on_the_fewest_steps(write, beside, gradient, change, words):
    path = write(planted(OPTIMIZER + beside, gradient, change))
    (wrong,) = (f for f in distinct([f for f in drawn(path) if not f.passed]) if f.what == "weight")
    assert words in in_words(wrong)
    shown_again(in_words(wrong), "weight, reference: ")


@pytest.mark.parametrize(("gradient", "change", "what", "words"), WITHOUT)
def test_what_every_optimizer_must_obey_is_found_without_a_formula(write, gradient, change, what, words):
    path = write(planted(OPTIMIZER, gradient, change))
    (wrong,) = (f for f in distinct([f for f in drawn(path) if not f.passed]) if f.what == what)
    assert words in in_words(wrong)
    if "smallest" in wrong.case:
        shown_again(in_words(wrong), what)


def test_an_optimizer_without_a_formula_is_not_checked(write):
    path = write(OPTIMIZER)
    report = check_file(path, seeds=(0,))
    assert report.failures == ()
    assert report.exit_code == 3
    (unchecked,) = report.unchecked
    assert (unchecked.what, unchecked.reference) == ("weight", "formula")
    assert unchecked.detail == "there is none beside it: write @bp.custom.formula(Ball)"
    (kind,) = read_file(path)
    with pytest.raises(AssertionError, match="not checked"):
        bp.testing.assert_optimizer(kind)


@BOTH
def test_the_same_files_without_a_fault_pass(write, beside):
    report = check_file(write(OPTIMIZER + beside), seeds=(0,))
    assert report.failures == ()
    assert report.exit_code == 0
    assert {"the schedule reaches it", "it goes downhill", "weight"} <= {f.what for f in report.findings}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_right_optimizer_raises_no_alarm(write, name):
    if "import torch" in OPTIMIZERS[name] and not installed("torch"):
        pytest.skip("PyTorch is not installed")
    assert [str(f) for f in drawn(write(OPTIMIZERS[name])) if not f.passed] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_right_optimizer_raises_no_alarm_over_many_seeds(write, name):
    path = write(OPTIMIZERS[name])
    assert [(seed, str(f)) for seed in range(1, 60) for f in drawn(path, seed) if not f.passed] == []


def test_steps_that_do_not_fit_are_refused(write):
    (kind,) = read_file(write(OPTIMIZER + FORMULA))
    bp.testing.assert_steps(kind(), [1.0], [[1.0], [2.0]])
    with pytest.raises(bp.UserError, match=r"w has shape \(2,\) and gradients \(1, 1\)"):
        bp.testing.assert_steps(kind(), [1.0, 2.0], [[1.0]])
