"""The page of a check: the verdict on top, the network coloured by error, nothing from elsewhere."""

import re
import sys
from math import inf
from pathlib import Path

import numpy as np
import pytest

from backproof.engines import get_engine
from backproof.errors import UserError
from backproof.figures.checks import network_map, rows_of
from backproof.graph import Shape, initial_parameters
from backproof.models import build
from backproof.ops import SoftmaxCrossEntropy
from backproof.optim import SGD
from backproof.verify import CheckReport, Finding, check_model, check_trajectory
from backproof.verify.core.location import OUTPUT, Location
from backproof.view.check_page import check_page, write_check_page
from backproof.view.check_terminal import print_check

sys.path.insert(0, str(Path(__file__).parents[1] / "verify"))
from faulty import FaultyEngine


def question():
    graph = build("resnet", Shape("N", 3, 4, 4), 3, {"blocks": (1, 1), "width": 2, "stem": "small"})
    graph = graph.with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    return graph, initial_parameters(graph), {"x": rng.standard_normal((4, 3, 4, 4)), "y": rng.integers(0, 3, 4)}


def report_of(direction=None):
    graph, parameters, inputs = question()
    engine = FaultyEngine("numpy", graph, "layer2.0.conv2", direction) if direction else get_engine("numpy")
    return check_model(graph, parameters, inputs, [engine], reference=get_engine("numpy"), title="model <resnet>")


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_first_error_source_stands_on_top(direction):
    report = report_of(direction)
    page = check_page([report])
    assert "<h1>First error: layer2.0.conv2</h1>" in page
    assert f"in the {direction} pass" in page
    assert "model &lt;resnet&gt;" in page
    assert not re.search(r"(src|href)=.?https?:", re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL))
    (frame,) = network_map(report, "numpy", direction).layout.shapes
    rows = rows_of([node.name for node in report.graph.nodes])
    assert rows[int(frame.y0 + 0.5)][1][int(frame.x0 + 0.5)] == "layer2.0.conv2"
    other = "backward" if direction == "forward" else "forward"
    assert not network_map(report, "numpy", other).layout.shapes


def test_agreement_is_said(tmp_path):
    graph, parameters, inputs = question()
    numpy = get_engine("numpy")
    steps = check_trajectory(graph, parameters, [numpy], SGD(), [inputs, inputs], reference=numpy)
    page = write_check_page([report_of(), steps], tmp_path / "new" / "page.html").read_text()
    assert "<h1>Everything agrees</h1>" in page
    assert "Training steps" in page
    assert "over 2 training steps" in page


def test_any_report_has_a_page():
    good = Finding("Conv2d", "stride 2", OUTPUT, "torch", "reference", "float64", 1e-16, 1e-13, "agrees")
    bad = Finding("ReLU", "", OUTPUT, "torch", "reference", "float64", float("nan"), 1e-13, "differs", "a < b")
    failed = Finding("Pad", "", OUTPUT, "torch", "reference", "float64", float("inf"), 0.0, "failed", "no kernel")
    page = check_page([CheckReport("operations", (good, bad, failed))])
    assert "First error: ReLU" in page
    assert "a &lt; b" in page
    assert "no kernel" in page


def test_the_terminal_and_the_page_show_the_same_table(capsys):
    good = Finding("Conv2d", "stride 2", OUTPUT, "torch", "reference", "float64", 1e-14, 1e-13, "agrees")
    bad = Finding("Conv2d", "", OUTPUT, "numpy", "reference", "float64", 3e-5, 1e-13, "differs", "a < b", "again")
    broken = Finding(
        "ReLU", "", Location("contract", "the same again"), "numpy", "contract", "float64", inf, 0, "differs"
    )
    report = CheckReport("operations", (good, bad, broken), {"Conv2d": 0.5})
    print_check({"operations": report}, 1.0)
    printed = capsys.readouterr().out
    page = check_page([report])
    assert re.search(r"operations +torch +numpy +time\nConv2d +0\.10 +✗ 3e\+08 +0\.50 s\nReLU +- +✗ broken", printed)
    for cell in ("✓ 0.10", "✕ 3e+08", "✕ broken", "0.50 s", "a &lt; b", "again"):
        assert cell in page
    assert "1 of 3" not in printed
    assert "2 of 3 comparisons disagree" in printed


def test_a_page_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write_check_page(CheckReport("nothing", ()), tmp_path / "file" / "page.html")


def test_rows_of_the_map():
    names = ["conv1", "relu", "layer1.0.conv1", "layer1.0.down.0", "layer1.1.conv1", *(f"fc{i}" for i in range(16))]
    rows = rows_of(names)
    assert [block for block, _ in rows] == ["", "layer1.0", "layer1.1", "", ""]
    assert [name for _, members in rows for name in members] == names
