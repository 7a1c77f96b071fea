"""A file of ONNX is a model as any, and says of itself what `backproof export` wrote into it."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from backproof import infer, load
from backproof.errors import UserError
from backproof.graph import Builder, Shape, initial_parameters
from backproof.ops import AvgPool2d, Conv2d, Softmax
from backproof.runs.store import Run

pytestmark = pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is not installed")


@pytest.fixture
def exported(digits: Run, tmp_path: Path) -> Path:
    from backproof.interchange.onnx import write_onnx

    model = load(digits)
    path = tmp_path / "digits.onnx"
    write_onnx(path, model.graph, model.parameters, metadata=model.file_metadata())
    return path


def test_a_file_says_what_the_run_said(digits: Run, exported: Path):
    run, file = load(digits), load(exported)
    for name in ("task", "classes", "preprocessing", "image_shape", "scores"):
        assert getattr(file, name) == getattr(run, name)
    assert (file.name, file.origin) == ("digits", f"weights of '{exported}'")
    assert file.metadata["backproof.run"] == digits.name


def test_its_answers_are_those_of_the_run(digits: Run, exported: Path, photos: Path):
    agree = "numpy,onnxruntime" if find_spec("onnxruntime") is not None else "numpy,reference"
    answers, expected = infer(load(exported), photos, agree=agree), infer(digits, photos)
    for ours, theirs in zip(answers, expected, strict=True):
        assert np.allclose(ours.output, theirs.output, atol=1e-5)
    assert answers.agreement.agrees
    assert answers.measured == pytest.approx(expected.measured)


def test_answers_that_are_images_of_one_pixel(tmp_path: Path):
    from backproof.interchange.onnx import write_onnx

    net = Builder(Shape("N", 3, 8, 8))
    scores = net("softmax", Softmax(axis=1), net("pool", AvgPool2d(8), net("conv", Conv2d(5, 1), net.x)))
    graph = net.graph(scores)
    path = tmp_path / "squeezed.onnx"
    write_onnx(path, graph, initial_parameters(graph, 0))
    model = load(path)
    assert (model.task, model.scores, len(model.classes)) == ("classification", "probabilities", 5)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8))
    found = list(infer(path, tmp_path / "x.npz"))
    assert [a.values.shape for a in found] == [(5,)] * 3
    assert sum(found[0].values) == pytest.approx(1)


def test_what_does_not_go_with_a_file_is_said(exported: Path, tmp_path: Path):
    with pytest.raises(UserError, match=r"leave out which: '.*digits.onnx' has its own network and weights"):
        load(exported, which="best")
    with pytest.raises(UserError, match=r"nowhere.onnx"):
        load(tmp_path / "nowhere.onnx")
