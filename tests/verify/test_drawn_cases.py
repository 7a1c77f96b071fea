"""Faults that no declared sample shows are found on cases that the check draws; right files raise no alarm."""

import re
from pathlib import Path

import pytest
from right_files import RIGHT
from user_files import ACTIVATION, LAYER, LOSS, planted

from backproof.engines import installed
from backproof.verify.core.builder import FindingBuilder
from backproof.verify.custom.file import check_file, read_file
from backproof.verify.custom.operation import check_drawn
from backproof.view.check_terminal import distinct, in_words

STEP = "the same at every step"
MODE = "evaluation as training"
BATCH = "the same in every batch"
STATE = "nothing kept between calls"
AGAIN = "the same again"
X, W, B = "gradient of input x0", "gradient of weight", "gradient of bias"

FAULTS = [
    # far from 0
    (ACTIVATION, "", "dx = np.where(np.abs(x) > 3, 0, dx)", X, "x0 = [[4.0]]"),
    (ACTIVATION, "y = np.where(np.abs(x) > 3, 1.1 * y, y)", "", X, "4.0"),
    (LAYER, "", "dw = dy.T @ np.clip(x, -3, 3)", W, "x0 = [[4.0]]"),
    (LAYER, "", "dx = dy @ np.clip(w, -3, 3)", X, "weight = [["),
    (LAYER, "", "db = np.clip(dy, -3, 3).sum(0)", B, "dy = [["),
    (LOSS, "", "dx = np.where(np.abs(x) > 3, 0, dx)", X, "on CE() on (1, 2), (1,)"),
    # even batches
    (ACTIVATION, "", "dx = dx * (2 if len(x) % 2 == 0 else 1)", X, "on Act() on (2, 1)"),
    (ACTIVATION, "y = y * (2 - len(x) % 2)", "dx = dx * (2 - len(x) % 2)", BATCH, "with 3, 5, 7, 17, 33 samples"),
    (LAYER, "", "db = db if len(x) % 2 else dy.mean(0)", B, "on Dense() on (2, 1)"),
    (LOSS, "", "dx = dx * (2 - len(x) % 2)", X, "on CE() on (2, 2), (2,)"),
    (LOSS, "y = y * (2 - len(x) % 2)", "dx = dx * (2 - len(x) % 2)", BATCH, "with 3, 5, 7, 17, 33 samples"),
    # a batch of one
    (LAYER, "", "db = db * (len(x) > 1)", B, "on Dense() on (1, 1)"),
    # evaluation
    (ACTIVATION, "y = y if call.mode.training else 2 * y", "", MODE, "1.52318831 of evaluation"),
    (LAYER, "", "dw = dw if call.mode.training else 2 * dw", W, "[eval]"),
    (LAYER, "y = y if call.mode.training else y - p['bias']", "", B, "[eval]"),
    (LOSS, "y = y if call.mode.training else 2 * y", "", MODE, "1.38629436 of evaluation"),
    # one channel
    (
        ACTIVATION,
        "y[:, 5:6] *= 1.01",
        "",
        X,
        "at [0, 5] backward gives",
    ),
    (LAYER, "", "dx[:, 4:5] = 0", X, "at [0, 4] backward gives 0, the outputs of forward 3"),
    (LOSS, "", "dx[:, 4:5] *= 2", X, "at [0, 4] backward gives 0.4, the outputs of forward 0.2"),
    (LOSS, "", "dx = np.where(labels[:, None] == 5, 2 * dx, dx)", X, "6)"),
    # from step 10 on
    (ACTIVATION, "y = y * (1.5 if call.mode.step >= 10 else 1)", "", STEP, "[train, step 10]"),
    (LAYER, "", "dw = dw * (1.5 if call.mode.step >= 10 else 1)", W, "[train, step 10]"),
    (LOSS, "k = 1 + (call.mode.step >= 10); y = k * y", "dx = (1 + (call.mode.step >= 10)) * dx", STEP, "step 10]"),
    # state
    (ACTIVATION, "self.x = x", "dx = dy * (1 - np.tanh(self.x) ** 2)", STATE, "keep what backward needs in the tuple"),
    (
        ACTIVATION,
        "type(self).x = x",
        "dx = dy * (1 - np.tanh(type(self).x) ** 2)",
        STATE,
        "another between its forward",
    ),
    (ACTIVATION, "self.n = getattr(self, 'n', 0) + 1; y = y * (1 + (self.n > 10))", "", STATE, "of call 11"),
    (LAYER, "self.x = x", "dw = dy.T @ self.x if len(self.x) == len(x) else dw", STATE, "the call alone"),
    (LOSS, "self.q = log_q", "dx = dx * np.exp(log_q - self.q)", STATE, "another"),
    # randomness
    (ACTIVATION, "y = y * np.random.rand(*y.shape)", "", AGAIN, "random numbers are drawn from call.mode.seed"),
    (LAYER, "", "dw = dw * (1 + 1e-3 * np.random.rand())", AGAIN, "of the first call"),
    (LOSS, "y = y * np.random.rand()", "", AGAIN, "of call 2"),
    # no number
    (ACTIVATION, "", "dx = dx * np.where(x == 0, np.nan, 1)", X, "x0 = [[0.0]]"),
    # a loss is not always alone
    (LOSS, "", "dx = dx / dy", X, "dy = 0.5"),
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
    return list(check_drawn(kind, FindingBuilder(kind.__name__, "", "yours", "float64"), (seed,)))


@pytest.mark.parametrize(("text", "forward", "backward", "what", "words"), FAULTS)
def test_a_fault_that_no_sample_shows_is_found_and_made_small(write, text, forward, backward, what, words):
    path = write(planted(text, forward, backward))
    wrong = distinct([f for f in drawn(path) if not f.passed])
    assert what in {f.what for f in wrong}
    (finding,) = (f for f in wrong if f.what == what)
    told = in_words(finding)
    assert words in told
    assert what == BATCH or "the smallest case found" in told
    if what == BATCH:
        return
    (again,) = re.findall(r'again: python -c "(.*)"$', told)
    with pytest.raises(AssertionError, match=re.escape(what)):
        exec(again, {})


@pytest.mark.parametrize("text", [ACTIVATION, LAYER, LOSS], ids=["activation", "layer", "loss"])
def test_the_same_files_without_a_fault_pass(write, text):
    report = check_file(write(text), seeds=(0,))
    assert report.failures == ()
    assert {"the same in every batch", "nothing kept between calls"} <= {f.what for f in report.findings}
    assert any("cases drawn" in f.case for f in report.findings)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_file_raises_no_alarm(write, name):
    if "import torch" in RIGHT[name] and not installed("torch"):
        pytest.skip("PyTorch is not installed")
    assert [str(f) for f in drawn(write(RIGHT[name])) if not f.passed] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_file_raises_no_alarm_over_many_seeds(write, name):
    path = write(RIGHT[name])
    assert [(seed, str(f)) for seed in range(1, 60) for f in drawn(path, seed) if not f.passed] == []


def test_numbers_that_leave_the_domain_are_told_as_skipped(write):
    skipped = [f.detail for f in drawn(write(RIGHT["NaiveSoftmax"])) if f.verdict == "skipped"]
    assert any(re.match(r"the output is not finite on \d+ of the cases drawn", detail) for detail in skipped)


@pytest.mark.skipif(not installed("torch"), reason="PyTorch is not installed")
def test_numbers_that_only_the_kernel_cannot_take_are_found_beside_an_expression(write):
    expression = "\n@bp.custom.pytorch(NaiveSoftmax)\ndef expression(op, inputs, p):\n"
    path = write(RIGHT["NaiveSoftmax"] + expression + "    import torch\n    return torch.softmax(inputs[0], 1)\n")
    (wrong,) = [f for f in drawn(path) if not f.passed and f.what == "output"]
    assert wrong.reference == "PyTorch expression"
    assert "nan of yours" in wrong.detail


def test_the_same_file_gives_the_same_cases_and_leaves_nothing_behind(write):
    path = write(planted(LAYER, "", "dx[:, 4:5] = 0"))
    assert drawn(path) == drawn(path)
    assert drawn(path) != drawn(path, seed=1)
    assert [p.name for p in Path().iterdir()] == ["mine.py"]


def test_a_kernel_of_theirs_for_an_operation_of_ours(write):
    path = write(
        "import backproof as bp, numpy as np\nfrom backproof.ops import Tanh\n"
        "@bp.custom.kernel(Tanh)\nclass TanhKernel:\n"
        "    def forward(self, op, inputs, p, call):\n        y = np.tanh(inputs[0]); return y, (y,)\n"
        "    def backward(self, op, dy, saved, p, g, call):\n"
        "        y, = saved; return (dy * (1 - y * y) * (1 + (len(y) == 2)),)\n"
    )
    try:
        (wrong,) = [f for f in drawn(path) if not f.passed]
    finally:
        path.write_text("")  # forget it
        with pytest.raises(Exception, match="declares nothing"):
            read_file(path)
    assert (wrong.what, wrong.reference) == (X, "reference")
    assert "import Tanh; mine = bp.testing.load('mine.py'); bp.testing.assert_case(Tanh(), " in wrong.replay


def test_a_random_kernel_is_shown_with_both_values(write):
    """On a drawn case, and on the samples, where each engine's contract is checked."""
    report = check_file(write(planted(ACTIVATION, "y = y * np.random.rand(*y.shape)")), seeds=(0,))
    told = [f.detail for f in report.failures if f.what == AGAIN]
    assert re.search(r"output at \[0, 0\]: \S+ of the first call, \S+ of call 2", told[0])
    assert any(re.search(r"changed in a pass; at \[.*\]: \S+ of the first, \S+ of the second$", text) for text in told)
