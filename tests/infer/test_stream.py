"""Answers to a stream of samples: the numbers of training, in constant memory, whatever a file holds."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backproof import infer, load
from backproof.data import PreprocessingOptions
from backproof.data import load as load_data
from backproof.errors import UserError
from backproof.infer.agreement import Agreement
from backproof.infer.ahead import ahead
from backproof.infer.prepare import Preparation, laid_back
from backproof.runs.store import Run


def as_npz(run: Run, path: Path) -> Path:
    """The test samples of a run, as they were before preprocessing."""
    raw = load_data(run.spec.data, PreprocessingOptions()).test
    x = raw.x if raw.x.ndim == 2 else np.moveaxis(raw.x, 1, 3)
    kind = run.dataset.targets
    y = np.array(kind.names)[raw.y] if kind.kind == "class" else raw.y
    named = {"classes": np.array(kind.names)} if kind.kind == "mask" and kind.integer else {}
    named |= {"names": np.array(kind.names)} if kind.kind == "number" else {}
    np.savez(path, x=x, y=y, **named)
    return path


@pytest.mark.parametrize("which", ["digits", "numbers"])
def test_what_is_measured_is_what_the_run_measured(which: str, tmp_path: Path, request: pytest.FixtureRequest):
    run: Run = request.getfixturevalue(which)
    answers = infer(run, as_npz(run, tmp_path / "test.npz"))
    assert len(list(answers)) == 10
    result = run.result()
    assert result is not None
    assert result.test is not None
    expected = {name: value for name, value in result.test.items() if name in answers.measured}
    assert answers.measured.keys() == expected.keys()
    assert answers.measured == pytest.approx(expected, rel=1e-6)
    kept = run.final()
    for name, array in answers.kept.items():
        assert np.allclose(array, kept[name], rtol=1e-5)


def test_masks_are_as_large_as_their_images(shapes: Run, tmp_path: Path):
    answers = infer(shapes, as_npz(shapes, tmp_path / "test.npz"))
    found = list(answers)
    assert [a.values.shape for a in found] == [(64, 64)] * 5
    assert {a.output.shape for a in found} == {(4, 16, 16)}
    assert answers.measured.keys() == {"iou", "dice", "accuracy"}
    truth = np.stack([a.truth for a in found])
    assert answers.measured["accuracy"] == np.mean(np.stack([a.values for a in found]) == truth)


def test_a_photograph_sees_the_steps_of_training(digits: Run, photos: Path):
    answers = list(infer(digits, photos))
    truths = [int(a.truth) for a in answers]
    assert sorted(truths) == sorted(i % 10 for i in range(20))
    x = load_data(digits.spec.data, digits.spec.preprocessing)
    image = np.array(Image.open(answers[0].name))[:, :, None]
    seen = Preparation(load(digits))(image).x
    pixels = image.reshape(-1) / 255
    expected = 2 * (pixels - pixels.min()) / (pixels.max() - pixels.min()) - 1
    assert seen.shape == x.train.x.shape[1:]
    assert np.allclose(seen, expected, atol=1e-6)
    assert np.allclose(answers[0].output, load(digits).predict(seen), atol=1e-5)
    assert answers[0].values.sum() == pytest.approx(1)


def test_given_preprocessing_goes_before_the_runs_own(digits: Run, photos: Path):
    model = load(digits)
    plain = replace(model.preprocessing, minmax=False)
    (first, *_), (other, *_) = list(infer(model, photos)), list(infer(model, photos, preprocessing=plain))
    assert not np.allclose(first.output, other.output)


def test_a_bad_image_does_not_end_it(digits: Run, photos: Path):
    (photos / "3" / "broken.png").write_bytes(b"\x89PNG nothing")
    Image.new("L", (9, 8)).save(photos / "3" / "wide.png")
    answers = infer(digits, photos)
    found = {Path(a.name).name: a for a in answers}
    assert (answers.done, answers.bad, len(found)) == (22, 2, 22)
    assert "broken.png: not an image that can be read" in found["broken.png"].error
    assert found["wide.png"].error.endswith(
        "wide.png: it is 8x9 (height x width) after preprocessing, and the network takes 8x8; bring it to that size "
        "with resize=8,8"
    )
    assert [a.place for a in found.values()] == list(range(22))


def test_images_that_do_not_fit_end_it_at_once(digits: Run, tmp_path: Path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    with pytest.raises(UserError, match=r"red.png: it has 3 channels, and the network takes 1; grayscale=True makes"):
        list(infer(digits, tmp_path / "red.png"))
    options = replace(load(digits).preprocessing, grayscale=True)
    assert len(list(infer(digits, tmp_path / "red.png", preprocessing=options))) == 1


def test_what_cannot_be_begun_is_said(digits: Run, photos: Path):
    for options, sentence in (
        ({"engines": "numpy"}, "unknown option 'engines'; did you mean engine"),
        ({"stretch_masks": True}, "stretch_masks is for masks of probabilities"),
        ({"batch_size": -1}, "batch_size is -1; it must be 1 or more"),
        ({"agree": "numpy,tensorflow"}, "unknown engine 'tensorflow'"),
    ):
        with pytest.raises(UserError, match=sentence):
            infer(digits, photos, **options)
    with pytest.raises(UserError, match="there is nothing to look at"):
        infer(digits)
    with pytest.raises(UserError, match="model 'mlp' has learnt nothing; give its weights"):
        infer(load("mlp", input=(64,), classes=10), photos)


@pytest.mark.parametrize("size", [1, 3, 20, 100])
def test_batches_change_no_answer(digits: Run, photos: Path, size: int):
    expected, found = list(infer(digits, photos)), list(infer(digits, photos, batch_size=size))
    assert np.allclose([a.output for a in found], [a.output for a in expected], atol=1e-5)
    assert [a.name for a in found] == [a.name for a in expected]


def test_engines_agree(digits: Run, photos: Path):
    answers = infer(digits, photos, agree="numpy,reference")
    list(answers)
    assert answers.agreement.agrees
    assert 0 < answers.agreement.relative("reference") < 1e-5
    assert answers.agreement.other == {"reference": 0}
    assert "Differences from numpy" in str(answers.agreement.table())


def test_engines_that_are_apart_are_told():
    agreement, right = Agreement(("a", "b", "c")), np.array([[1.0, 4.0], [2.0, 3.0]])
    agreement.add([right, right + np.array([[0.0, 0.01], [0, 0]]), right[:, ::-1]], ranked=True)
    assert not agreement.agrees
    assert agreement.relative("b") == pytest.approx(0.0025)
    assert agreement.other == {"b": 0, "c": 2}
    agreement.add([right, right * np.nan, right], ranked=True)
    assert agreement.apart["b"] == np.inf


def test_no_more_is_read_ahead_than_a_few():
    made: list[int] = []

    def items() -> Any:
        for i in range(100):
            made.append(i)
            yield i

    reader = ahead(items(), 3)
    assert [next(reader) for _ in range(5)] == [0, 1, 2, 3, 4]
    reader.close()
    assert len(made) <= 5 + 3 + 1
    assert not any(thread.name == "backproof-reader" for thread in threading.enumerate())


def test_what_the_reader_raises_comes_after_what_it_made():
    def items() -> Any:
        yield 1
        raise OSError("the disk is gone")

    reader = ahead(items(), 2)
    assert next(reader) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(reader)


def test_masks_are_laid_back_where_they_came_from():
    plane = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    assert np.array_equal(laid_back(plane, (0, 0, 3, 4), (3, 4)), plane)
    part = laid_back(plane, (1, 2, 3, 4), (6, 8))
    assert np.array_equal(part[:, 1:4, 2:6], plane)
    assert part.sum() == plane.sum()
    beyond = laid_back(plane, (-1, 2, 3, 4), (6, 5))  # over the border at the top and on the right
    assert np.array_equal(beyond[:, :2, 2:], plane[:, 1:, :3])
    assert beyond.sum() == plane[:, 1:, :3].sum()


def test_a_crop_is_laid_back_into_the_image(shapes: Run):
    model = load(shapes)
    prepare = Preparation(model, PreprocessingOptions(resize=(20,), center_crop=(16,)))
    sample = prepare(np.zeros((40, 60, 3), np.uint8))  # 20x30, of which the middle 16x16: 32x32 of the image
    assert sample.box == (4, 14, 32, 32)
    assert sample.x.shape == (3, 16, 16)


def test_gray_images_fit_a_network_on_colours(shapes: Run):
    gray = np.random.default_rng(0).integers(0, 256, (16, 16, 1), dtype=np.uint8)
    prepare = Preparation(load(shapes), PreprocessingOptions())
    assert np.array_equal(prepare(gray).x, prepare(gray.repeat(3, 2)).x)
    options = PreprocessingOptions(mean=(0.1, 0.2, 0.3), std=(0.5,))
    prepare = Preparation(load(shapes), options)
    assert np.allclose(prepare(gray).x, prepare(gray.repeat(3, 2)).x)
