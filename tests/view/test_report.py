"""What stands in the report page."""

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from backproof.errors import UserError
from backproof.runs.spec import OptimizerOptions
from backproof.runs.store import open_run
from backproof.view import write_report

SCRIPTS = re.compile(r"<script.*?</script>", re.DOTALL)


def page(runs, path: Path) -> str:
    """The page's text."""
    return write_report(runs, path / "page.html").read_text()


def without_scripts(text: str) -> str:
    return SCRIPTS.sub("", text)


def figures(text: str) -> dict[str, dict]:
    """The Plotly figures by their id."""
    found = re.findall(r'<script type="application/json" id="data-(.*?)">(.*?)</script>', text, re.DOTALL)
    return {name: json.loads(content) for name, content in found}


@pytest.fixture
def pair(make_run):
    return [make_run("mlp-numpy", "numpy"), make_run("mlp-torch", "torch")]


def test_path_is_returned_and_folders_are_made(make_run, tmp_path):
    path = tmp_path / "new" / "report.html"
    assert write_report([make_run("a")], path) == path
    assert path.read_text().startswith("<!doctype html>")


def test_runs_and_classes_are_named(pair, tmp_path):
    text = page(pair, tmp_path)
    for name in ("mlp-numpy", "mlp-torch"):
        assert f">{name}</button>" in text
    for place in (0, 1):
        axis = figures(text)[f"run-{place}-confusion-matrix-test-samples"]["layout"]["yaxis"]
        assert axis["ticktext"] == list("0123456789")


def test_nothing_is_loaded_from_outside(pair, tmp_path):
    text = page(pair, tmp_path)
    outside = without_scripts(text)
    assert "default-src 'none'" in outside
    assert not re.search(r"<(link|iframe|object)\b|@import|https?://", outside)
    assert not re.search(r"<script[^>]*\bsrc=", text)
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'\bsrc="(.*?)"', outside))
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r"url\((.*?)\)", outside))


def test_plotly_is_in_the_page_once(pair, tmp_path):
    assert page(pair, tmp_path).count("plotly.js v") == 1


def test_curves_show_every_run_and_partition(pair, tmp_path):
    cost = figures(page(pair, tmp_path))["cost"]
    lines = {trace["name"]: trace for trace in cost["data"]}
    assert {"mlp-numpy train", "mlp-numpy dev", "mlp-torch train", "mlp-torch dev"} <= set(lines)
    recorded = [epoch.dev.cost for epoch in pair[0].epochs()]
    assert lines["mlp-numpy dev"]["y"] == pytest.approx(recorded)
    assert lines["mlp-numpy train"]["line"]["color"] == lines["mlp-numpy dev"]["line"]["color"]
    assert lines["mlp-numpy train"]["line"]["dash"] != lines["mlp-numpy dev"]["line"]["dash"]
    assert lines["mlp-numpy early stop"]["x"] == [5]


def test_confusion_matrix_shows_counts_of_the_test_samples(make_run, tmp_path):
    run = make_run("a")
    (heatmap,) = figures(page([run], tmp_path))["run-0-confusion-matrix-test-samples"]["data"]
    shown = [[int(text or 0) for text in row] for row in heatmap["text"]]
    assert shown == run.final()["confusion"].tolist()


def test_names_are_escaped(make_run, tmp_path):
    classes = ("<script>alert(1)</script>", 'a"b', "c&d", *"3456789")
    run = make_run("x & y", classes=classes)
    text = page([run], tmp_path)
    assert "<script>alert(1)" not in text
    assert "x & y" not in without_scripts(text)
    assert "x &amp; y" in text
    assert classes[0] in unescape(without_scripts(text))
    ticks = figures(text)["run-0-confusion-matrix-test-samples"]["layout"]["xaxis"]["ticktext"]
    assert ticks[0] == "&lt;script>alert(1)&lt;/script>"


def test_unfinished_run_shows_what_it_has(make_run, tmp_path):
    text = page([make_run("done"), make_run("going", planned=9, epochs=3, finished=False)], tmp_path)
    assert "killed, epoch 3 of 9" in text
    assert "Confusion matrix, dev samples of epoch 3" in text
    assert "Confusion matrix, test samples" in text


def test_run_without_an_epoch_has_a_page(make_run, tmp_path):
    text = page([make_run("begun", epochs=0, finished=False)], tmp_path)
    assert "killed, epoch 0 of 6" in text
    assert figures(text) == {}


def test_failed_run_says_why(make_run, tmp_path):
    run = make_run("broken")
    file = run.path / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"status": "failed", "error": "the cost is NaN"}))
    assert "the cost is NaN" in page([run], tmp_path)


def test_cost_that_is_not_finite_leaves_a_gap(make_run, tmp_path):
    run = make_run("wild")
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    last["dev"]["cost"] = float("nan")
    (run.path / "metrics.jsonl").write_text("\n".join([*lines[:-1], json.dumps(last)]) + "\n")
    cost = {trace["name"]: trace["y"] for trace in figures(page([run], tmp_path))["cost"]["data"]}
    assert cost["wild dev"][-1] is None


def test_runs_on_different_datasets(make_run, tmp_path):
    text = page([make_run("a"), make_run("b", classes=("cat", "dog"), dataset="pets")], tmp_path)
    assert "a and b on digits and pets" in text
    assert figures(text)["run-1-confusion-matrix-test-samples"]["layout"]["xaxis"]["ticktext"] == ["cat", "dog"]


def test_engines_that_agree_are_said_to(pair, make_run, tmp_path):
    assert "the weights of mlp-numpy and mlp-torch differ by" in page(pair, tmp_path)
    assert "Agreement of engines" not in page([pair[0], make_run("other", seed=1)], tmp_path)


def test_differences_of_the_configuration_are_marked(make_run, tmp_path):
    adam = {"optimizer": OptimizerOptions(optimizer="adam", learning_rate=0.02)}
    text = page([make_run("a"), make_run("b", tables=adam)], tmp_path)
    assert '<td class="text changed">adam</td>' in text
    assert '<td class="text changed">0.02</td>' in text
    assert ">optimizer.beta1</th>" in text
    assert ">model.layers</th>" not in without_scripts(text).partition("options that all runs share")[0]


def test_weights_and_samples_have_a_frame_an_epoch(make_run, tmp_path):
    text = without_scripts(page([make_run("a")], tmp_path))
    assert text.count('alt="weights of layer1"') == 6
    assert text.count('class="frame"') == 12
    assert text.count(".sample-0-") == 12  # the pictures stand in the page once


def test_wrong_answers_are_marked(make_run, tmp_path):
    run = make_run("a")
    text = page([run], tmp_path)
    wrong = sum(int(np.sum(a["samples_predicted"] != a["samples_y"])) for e in range(1, 7) for a in [run.arrays(e)])
    assert wrong > 0
    assert text.count('class="sample wrong"') == wrong


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("graph.json", None, r"run '.*/a' is not whole: it has no graph.json"),
        ("dataset.json", None, r"run '.*/a' is not whole: it has no dataset.json"),
        ("dataset.json", '{"name": "digi', "dataset.json' is damaged"),
        ("dataset.json", '{"name": "digits"}', "dataset.json' is damaged: .*missing required field"),
        ("graph.json", '{"nodes": []}', "graph.json' is damaged"),
        ("environment.json", "", "environment.json' is damaged"),
        ("result.json", "[]", "result.json' is damaged"),
        ("metrics.jsonl", '{"epoch": 1}\n', "metrics.jsonl' is damaged"),
        ("profile.json", "{}", "profile.json' is damaged"),
        ("epochs/0006.npz", "", "0006.npz' is damaged"),
        ("epochs/0006.npz", "no zip", "0006.npz' is damaged"),
    ],
)
def test_a_file_that_is_missing_or_damaged_is_named(make_run, tmp_path, name, content, message):
    path = make_run("a").path / name
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        write_report([open_run(tmp_path / "runs" / "a")], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_last_line_that_is_being_written_is_left_out(make_run, tmp_path):
    run = make_run("a", finished=False)
    path = run.path / "metrics.jsonl"
    path.write_text(path.read_text()[:-30])
    assert [epoch.epoch for epoch in run.epochs()] == [1, 2, 3, 4, 5]
    assert "killed, epoch 5 of 6" in page([run], tmp_path)


def test_runs_of_one_name_are_two(make_run, tmp_path):
    run = make_run("a")
    shutil.copytree(run.path, tmp_path / "elsewhere" / "a")
    text = page([run, open_run(tmp_path / "elsewhere" / "a")], tmp_path)
    assert "2 runs alike" in text


def test_runs_on_data_that_changed_are_not_said_to_agree(pair, tmp_path):
    path = pair[1].path / "dataset.json"
    path.write_text(path.read_text().replace("f00d", "cafe"))
    assert "Agreement of engines" not in page(pair, tmp_path)


def test_too_few_and_too_many_runs(make_run, tmp_path):
    for runs in ([], [make_run("a")] * 21):
        with pytest.raises(UserError, match=f"not {len(runs)}"):
            write_report(runs, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_place_that_cannot_be_written(make_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        write_report([make_run("a")], tmp_path / "file" / "page.html")


def test_twenty_runs(make_run, tmp_path):
    text = page([make_run(f"run-{i}", seed=i, planned=1) for i in range(20)], tmp_path)
    assert "20 runs on digits" in text
    assert "mean of 20 seeds" in text


def test_run_that_differs_in_its_name_alone_shows_no_differences(make_run, tmp_path):
    first = make_run("a")
    second = make_run("b")
    assert replace(first.spec, output=second.spec.output) == second.spec
    assert "comparison options" not in page([first, second], tmp_path)
