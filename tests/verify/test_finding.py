"""Findings and reports: what speaks most against whom, and back from JSON."""

import json
from math import inf, isnan, nan

import numpy as np
import pytest

from backproof.verify import CheckReport, Finding
from backproof.verify.core.comparison import Question, parting, worst_coordinate


def finding(subject="Linear", engine="numpy", error=0.0, tolerance=1.0, verdict="agrees"):
    return Finding(subject, "a case", "output", engine, "reference", "float64", error, tolerance, verdict)


def test_the_worst_is_a_fault_even_if_it_is_small():
    large, fault = finding(error=0.9), finding(error=1e-3, tolerance=1e-4, verdict="differs")
    left_out = finding(verdict="left out")
    report = CheckReport("all", (left_out, large, fault))
    assert report.worst("Linear", "numpy") is fault
    assert CheckReport("all", (left_out, large)).worst("Linear", "numpy") is large
    assert report.worst("Linear", "torch") is None
    assert report.first_at_fault is fault
    assert not report.passed


def test_nothing_judged_is_not_passed():
    assert not CheckReport("all", ()).passed
    assert not CheckReport("all", (finding(verdict="left out"),)).passed
    assert CheckReport("all", (finding(verdict="left out"), finding())).passed


@pytest.mark.parametrize(
    ("f", "badness"),
    [
        (finding(error=0.5), 0.5),
        (finding(error=nan, verdict="differs"), inf),
        (finding(verdict="failed"), inf),
        (finding(tolerance=0.0), 0.0),
        (finding(error=1e-9, tolerance=0.0, verdict="differs"), inf),
        (finding(verdict="left out"), -1.0),
    ],
)
def test_badness(f, badness):
    assert f.badness == badness


def test_json_and_back():
    report = CheckReport("all", (finding(error=inf, verdict="differs"), finding(error=nan)), {"Linear": 0.5})
    text = report.to_json()
    assert [f["error"] for f in json.loads(text)["findings"]] == ["Infinity", "NaN"]
    again = CheckReport.from_json(text)
    assert again.findings[0] == report.findings[0]
    assert isnan(again.findings[1].error)
    assert (again.title, again.seconds) == ("all", {"Linear": 0.5})


def test_joined_adds_times_of_the_same_subject():
    parts = [CheckReport("a", (finding(),), {"Linear": 1.0}), CheckReport("b", (finding(),), {"Linear": 2.0})]
    report = CheckReport.joined("both", parts)
    assert len(report.findings) == 2
    assert report.seconds == {"Linear": 3.0}


def test_the_worst_coordinate_is_told_with_both_values():
    a, b = np.zeros((2, 3)), np.zeros((2, 3))
    a[1, 2] = 0.5
    assert worst_coordinate(a, b) == (1, 2)
    assert parting(a, b, "numpy", "reference") == (
        "at [1, 2]: 0.5 of numpy, 0 of reference; 1 of 6 elements are clearly off"
    )
    a[0, 1] = nan
    assert worst_coordinate(a, b) == (0, 1)
    assert parting(a[:1], b, "numpy", "reference") == "shape (1, 3) of numpy, (2, 3) of reference"


def test_nan_is_a_fault():
    ask = Question("s", "", "numpy", "float64")
    assert ask.judged("output", np.array([nan]), np.zeros(1), "reference", 1.0).verdict == "differs"
    assert ask.measured("output", nan, "reference", 1.0, lambda: "there").detail == "there"
