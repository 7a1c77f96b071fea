"""Figures from snapshots, without a page."""

import json

import numpy as np
import pytest

from backproof.figures import figures, run_figures
from backproof.plots.masks import laid_over, overlay
from backproof.plots.scatter import MOST_POINTS, residuals, scatter


def names(figure) -> list[str]:
    return [trace.name for trace in figure.data]


def test_every_measure_has_a_curve(make_run) -> None:
    run = make_run("a")
    path = run.path / "metrics.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        record["dev"] |= {"iou": 0.1 * record["epoch"], "of_a_users_file": 3.0}
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    found = figures([run.snapshot()])
    assert list(found)[:4] == ["Cost", "Accuracy", "IoU", "Of_a_users_file"]
    assert {"Dev accuracy over time", "Samples a second"} <= found.keys()
    assert names(found["Cost"]) == ["a train", "a dev", "a early stop"]
    iou = next(trace for trace in found["IoU"].data if trace.name == "a dev")
    assert list(iou.y) == pytest.approx([0.1 * epoch for epoch in iou.x])
    assert found["Cost"].layout.meta == {"log": True}
    assert found["Cost"].layout.xaxis.dtick == 1  # whole epochs, however few
    assert found["IoU"].layout.yaxis.tickformat == ".4~%"


def test_curves_within_epochs_need_records_of_steps(make_run) -> None:
    run = make_run("a")
    steps = [
        {
            "step": i,
            "epoch": 1,
            "train": {"cost": 1 / i, "loss": 1 / i, "accuracy": 0.5},
            "learning_rate": 0.1,
            "seconds": i,
        }
        for i in range(1, 11)
    ]
    (run.path / "steps.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    (curve,) = figures([run.snapshot()])["Train cost within epochs"].data
    assert list(curve.x) == list(range(1, 11))
    assert list(curve.y) == pytest.approx([1 / i for i in range(1, 11)])


def test_before_the_first_epoch_there_is_no_figure(make_run) -> None:
    begun = make_run("begun", epochs=0, finished=False).snapshot()
    assert figures([begun]) == run_figures(begun) == {}


def test_figures_of_one_run(make_run) -> None:
    run = make_run("a")
    times = [{"node": "layer1", "op": "Linear", "forward_s": 2e-6, "backward_s": 4e-6, "calls": 2}]
    (run.path / "profile.json").write_text(json.dumps({"nodes": times}))
    found = run_figures(run.snapshot())
    assert list(found) == ["Confusion matrix, test samples", "Time of each node"]
    assert [list(bar.x) for bar in found["Time of each node"].data] == [[1.0], [2.0]]


def test_scatter_thins_out_and_skips_what_is_not_finite() -> None:
    target = np.linspace(0, 1, 2 * MOST_POINTS)[:, None]
    predicted = target + 0.5
    predicted[0] = np.nan
    line, points = scatter(predicted, target, ["angle"]).data
    assert len(points.x) == MOST_POINTS
    assert list(line.x) == list(line.y)  # where both are equal
    assert np.isfinite([*line.x, *line.y]).all()
    zero, rest = residuals(predicted, target, ["angle"]).data
    assert list(zero.y) == [0, 0]
    assert np.nanmax(np.abs(np.array(rest.y) - 0.5)) < 1e-12


def test_overlay_fills_what_was_predicted_and_draws_the_true_border() -> None:
    predicted = np.array([[0, 0, 0], [0, 2, 0], [0, 0, 0]])
    target = np.zeros((3, 3), int)
    target[:, 0] = 1
    veil = overlay(predicted, target)
    white = (255, 255, 255, 255)
    assert [tuple(pixel) for pixel in veil[:, 0].tolist()] == [white] * 3
    assert veil[1, 1, 3] > 0
    assert veil[0, 1, 3] == veil[0, 2, 3] == 0  # the background stays clear
    image = np.full((3, 3), 100, np.uint8)
    both = laid_over(image, veil)
    assert both[0, 2].tolist() == [100, 100, 100]
    assert both[0, 0].tolist() == [255, 255, 255]
    assert both[1, 1].tolist() != [100, 100, 100]


def test_probabilities_are_as_dense_as_they_are_high() -> None:
    veil = overlay(np.array([[[0.0, 0.5, 1.0]]]), np.zeros((1, 1, 3)))
    assert veil[0, 0, 3] == 0 < veil[0, 1, 3] < veil[0, 2, 3]
