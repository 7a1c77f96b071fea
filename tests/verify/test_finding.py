"""Findings and reports: the worst, and the first, and back from JSON."""

import json
from dataclasses import replace
from math import inf, isnan, nan

import numpy as np
import pytest

from backproof.tables import Cell
from backproof.verify import CheckReport, Finding
from backproof.verify.core.builder import FindingBuilder, deviation, worst_coordinate
from backproof.verify.core.location import LOSS, OUTPUT, Location
from backproof.verify.tables import check_table
from backproof.view.check_terminal import left_out, verdict

COMPARISON = FindingBuilder("s", "a case", "numpy", "float64", "reference", "again")


def finding(subject="Linear", engine="numpy", error=0.0, tolerance=1.0, verdict="agrees"):
    return Finding(subject, "a case", OUTPUT, engine, "reference", "float64", error, tolerance, verdict)


def test_the_worst_is_an_error_even_if_it_is_small():
    large, wrong = finding(error=0.9), finding(error=1e-3, tolerance=1e-4, verdict="differs")
    skipped = finding(verdict="skipped")
    report = CheckReport("all", (skipped, large, wrong))
    assert report.worst("Linear", "numpy") is wrong
    assert CheckReport("all", (skipped, large)).worst("Linear", "numpy") is large
    assert report.worst("Linear", "torch") is None
    assert report.first_failure is wrong
    assert not report.passed


def test_nothing_compared_is_not_passed():
    assert not CheckReport("all", ()).passed
    assert not CheckReport("all", (finding(verdict="skipped"),)).passed
    assert CheckReport("all", (finding(verdict="skipped"), finding())).passed


def test_what_was_not_checked_does_not_count_as_agreeing():
    right, wrong = finding(error=0.5), finding(error=2.0, verdict="differs")
    left = COMPARISON.unchecked(OUTPUT, "no engine has it")
    assert str(left) == "s, a case: output of numpy in float64 not checked; no engine has it"
    assert left.passed
    assert not left.compared
    codes = {(right,): 0, (right, left): 3, (left,): 3, (right, left, wrong): 1, (finding(verdict="skipped"),): 3}
    for findings, code in codes.items():
        report = CheckReport("all", findings)
        assert (report.exit_code, report.passed) == (code, code == 0)
    same = replace(left, subject=right.subject)
    assert CheckReport("all", (right, same)).worst("Linear", "numpy") is same
    assert CheckReport.from_json(report.to_json()).unchecked == ()


@pytest.mark.parametrize("findings", [[COMPARISON.unchecked(OUTPUT, "no engine has it")]])
def test_the_terminal_says_not_checked_and_never_a_number(findings):
    (row,) = check_table(CheckReport("all", tuple(findings))).rows
    assert row[1] == Cell("not checked", "muted", hint="no engine has it")
    assert left_out(findings) == ["not checked against reference: s (1): no engine has it"]
    assert "1 were not checked" in verdict(findings, 1.0)


@pytest.mark.parametrize(
    ("f", "badness"),
    [
        (finding(error=0.5), 0.5),
        (finding(error=nan, verdict="differs"), inf),
        (finding(verdict="failed"), inf),
        (finding(tolerance=0.0), 0.0),
        (finding(error=1e-9, tolerance=0.0, verdict="differs"), inf),
        (finding(verdict="skipped"), -1.0),
        (finding(verdict="unchecked"), -1.0),
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


def test_the_worst_coordinate_comes_with_both_values():
    a, b = np.zeros((2, 3)), np.zeros((2, 3))
    a[1, 2] = 0.5
    assert worst_coordinate(a, b) == (1, 2)
    assert deviation(a, b, "numpy", "reference") == (
        "at [1, 2]: 0.5 of numpy, 0 of reference; 1 of 6 elements are clearly off"
    )
    a[0, 1] = nan
    assert worst_coordinate(a, b) == (0, 1)
    assert deviation(a[:1], b, "numpy", "reference") == "shape (1, 3) of numpy, (2, 3) of reference"


def test_nan_is_wrong():
    assert COMPARISON.array(OUTPUT, np.array([nan]), np.zeros(1), 1.0).verdict == "differs"
    assert COMPARISON.measured(OUTPUT, nan, 1.0, lambda: "there").detail == "there"


def test_only_what_is_wrong_says_how_it_is_replayed():
    right, wrong = (COMPARISON.array(OUTPUT, np.full(1, value), np.zeros(1), 0.5) for value in (0.1, 2.0))
    assert (right.replay, right.detail) == ("", "")
    assert (wrong.replay, wrong.detail) == ("again", "at [0]: 2 of numpy, 0 of reference")
    assert COMPARISON.failed(ValueError("no")).replay == "again"
    assert COMPARISON.skipped(OUTPUT, "why").replay == ""


def test_what_no_engine_gives_is_infinitely_wrong():
    missing = COMPARISON.array(OUTPUT, None, np.zeros(1), 0.5)
    assert (missing.error, missing.verdict, missing.detail) == (inf, "differs", "numpy gives none")


def test_scaled_to_the_largest_expected_number():
    tiny = np.array([1e-9, 5e-10])
    assert COMPARISON.array(OUTPUT, 1.5 * tiny, tiny, 0.1).passed
    assert COMPARISON.scaled(OUTPUT, 1.5 * tiny, tiny, 0.1).error == pytest.approx(0.5)
    assert COMPARISON.scaled(OUTPUT, np.array([nan]), np.array([inf]), 0.1).verdict == "skipped"
    with np.errstate(invalid="ignore"):
        assert COMPARISON.scaled(OUTPUT, np.zeros(1), np.array([inf]), 0.1).verdict == "differs"


@pytest.mark.parametrize(
    ("location", "text", "direction"),
    [
        (OUTPUT, "output", "forward"),
        (LOSS, "loss", "forward"),
        (Location("gradient of parameter", "fc1.weight"), "gradient of fc1.weight", "backward"),
        (Location("gradient of input", "x0"), "gradient of input x0", "backward"),
        (Location("gradient of output"), "gradient of output", "backward"),
        (Location("state", "running_mean"), "state running_mean", "forward"),
        (Location("optimizer state", "v/weight"), "optimizer state v/weight", "forward"),
        (Location("contract", "inputs unchanged"), "inputs unchanged", "forward"),
    ],
)
def test_locations(location, text, direction):
    assert (str(location), location.direction) == (text, direction)
    assert Location.of_key(location.key) == location
    assert location.within("fc1").name == location.name.removeprefix("fc1.")
