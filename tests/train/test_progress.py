"""What is measured of a part of an epoch."""

from copy import copy
from math import isnan

import numpy as np
import pytest

from backproof.engines.base import StepResult
from backproof.metrics import METRICS
from backproof.train.progress import Progress

ACCURACY = [METRICS["accuracy"]]


def count(progress: Progress, loss: float, right: int, counted: float = 4.0) -> None:
    scores = np.eye(2)[[0, 0, 0, 0]]
    target = np.array([0] * right + [1] * (4 - right))
    progress.count(StepResult(loss, 0.5, scores), ACCURACY, scores, target, counted)


def test_means_since_a_copy() -> None:
    progress = Progress()
    count(progress, 3.0, 1)
    before = copy(progress)
    before.totals = dict(progress.totals)
    count(progress, 1.0, 2)
    count(progress, 2.0, 4)
    since = progress.means_since(before)
    assert (since.loss, since.cost, since.accuracy) == pytest.approx((1.5, 2.0, 0.75))
    assert progress.means().accuracy == pytest.approx(7 / 12)


def test_samples_that_do_not_count_have_no_mean() -> None:
    progress = Progress()
    count(progress, float("nan"), 1, counted=0.0)
    assert isnan(progress.means().cost)
