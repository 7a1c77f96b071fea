"""Answers as files: what they hold, and that they are whole whatever ends the stream."""

import csv
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backproof import infer
from backproof.cli import main
from backproof.errors import UserError
from backproof.infer.stream import Answer
from backproof.infer.writing import Writer
from backproof.runs.store import Run
from backproof.view.infer_files import carry_out, writers_into
from backproof.view.infer_terminal import text_bar


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def image(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        opened.load()
        return opened


def test_a_folder_of_answers(digits: Run, photos: Path, tmp_path: Path):
    answers = infer(digits, photos, output=tmp_path / "out", top=3)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"answers.csv", "answers.json", "index.html"}
    content = json.loads((tmp_path / "out/answers.json").read_text())
    lines = lines_of(tmp_path / "out/answers.csv")
    assert (content["complete"], content["done"], content["bad"], len(lines)) == (True, 20, 0, 20)
    assert content["measured"] == pytest.approx(answers.measured)
    for line, entry, answer in zip(lines, content["answers"], infer(digits, photos), strict=True):
        best = answer.ranked[:3]
        assert [top["class"] for top in entry["top"]] == [str(i) for i in best]
        assert [top["probability"] for top in entry["top"]] == pytest.approx(answer.values[best], rel=1e-5)
        assert (line["file"], line["answer"], line["answer3"]) == (entry["file"], str(best[0]), str(best[2]))
        assert float(line["probability2"]) == entry["top"][1]["probability"]
        assert line["truth"] == entry["truth"] == Path(answer.name).parent.name
    page = (tmp_path / "out/index.html").read_text()
    assert page.count('class="answer') >= 20
    assert "Confusion matrix" in page
    assert "://" not in page.partition("<script>")[0]  # nothing is fetched


def test_masks_and_pictures(shapes: Run, tmp_path: Path):
    folder = Path(shapes.spec.data.data_dir) / "shapes"
    infer(shapes, folder, output=tmp_path / "out", write=("masks", "cutouts", "overlays", "sheet"))
    names = {path.name for path in (folder / "images").iterdir()}
    for kind, mode in (("masks", "P"), ("cutouts", "RGBA"), ("overlays", "RGB")):
        assert {path.name for path in (tmp_path / "out" / kind).iterdir()} == names
        drawn = image(tmp_path / "out" / kind / "000.png")
        assert (drawn.size, drawn.mode) == ((64, 64), mode)
    mask = np.array(image(tmp_path / "out/masks/003.png"))
    cut = np.array(image(tmp_path / "out/cutouts/003.png"))
    assert np.array_equal(cut[..., 3], 255 * (mask > 0))
    assert np.array_equal(cut[..., :3], np.array(image(folder / "images/003.png")))
    assert image(tmp_path / "out/contact-sheet.png").size[0] > 8 * 160


def test_masks_of_probabilities(train, tmp_path: Path):
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=(20, 16, 16)) > 0.5).astype(np.float32)
    x = (255 * y[:, :, :, None].repeat(3, 3)).astype(np.uint8)
    np.savez(tmp_path / "masks.npz", x=x, y=y)
    options = {"model": "unet", "model_option": ("width=2", "depth=1"), "select": "", "split": (15, 3, 2)}
    run = train(dataset=str(tmp_path / "masks.npz"), **options)
    answers = infer(run, tmp_path / "masks.npz", output=tmp_path / "out")
    assert answers.measured.keys() == {"iou", "dice", "max_f_beta", "mae"}
    found = list(infer(run, tmp_path / "masks.npz"))
    assert answers.measured["mae"] == pytest.approx(np.mean([abs(a.values - a.truth).mean() for a in found]))
    mask = np.array(image(tmp_path / "out/masks/masks-7.png"))
    assert abs(mask / 255 - found[7].values[0]).max() <= 0.51 / 255
    assert np.array_equal(np.array(image(tmp_path / "out/cutouts/masks-7.png"))[..., 3], mask)
    stretched = next(iter(infer(run, tmp_path / "masks.npz", stretch_masks=True))).values
    assert (stretched.min(), stretched.max()) == (0, 1)
    assert "Precision and recall" in (tmp_path / "out/index.html").read_text()


def test_numbers(numbers: Run, tmp_path: Path):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(4, 10)), y=np.arange(4.0))
    answers = infer(numbers, tmp_path / "x.npz", output=tmp_path / "out")
    assert answers.measured.keys() == {"mae", "rmse", "r2"}
    lines = lines_of(tmp_path / "out/answers.csv")
    found = [a.values[0] for a in infer(numbers, tmp_path / "x.npz")]
    assert [float(list(line.values())[1]) for line in lines] == pytest.approx(found, rel=1e-6)
    assert [float(line["truth"]) for line in lines] == [0, 1, 2, 3]
    assert "Predicted against true" in (tmp_path / "out/index.html").read_text()


class _Stops(Writer):
    """What goes wrong after some answers: Ctrl-C, or a failure."""

    def __init__(self, after: int, error: Exception | None) -> None:
        self.left, self.error = after, error

    def add(self, answer: Answer) -> None:
        self.left -= 1
        if self.left == 0 and self.error is not None:
            raise self.error
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("error", [None, RuntimeError("out of luck")])
def test_what_was_written_is_whole_whatever_ends_it(digits: Run, photos: Path, tmp_path: Path, error: Exception | None):
    inference = infer(digits, photos, batch_size=4)

    def writers() -> list[Writer]:
        return [*writers_into(tmp_path, (), inference, ["photos"], 5), _Stops(7, error)]

    if error is None:
        assert carry_out(inference, writers) is False
    else:
        with pytest.raises(RuntimeError, match="out of luck"):
            carry_out(inference, writers)
    content = json.loads((tmp_path / "answers.json").read_text())
    assert content["complete"] is False
    done = 8 if error is None else 7  # Ctrl-C waits for the end of the batch; a failure does not
    assert content["done"] == len(content["answers"]) == len(lines_of(tmp_path / "answers.csv")) == done
    assert f"It ended after {done} of 20" in (tmp_path / "index.html").read_text()
    assert not list(tmp_path.glob(".*"))


def test_the_command(digits: Run, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["infer", str(digits.path), str(photos), "--show", "1", "--top", "2", "-o", str(tmp_path / "out")])
    assert code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"last weights of run '{digits.name}', after epoch 3, on numpy\n")
    assert "... and 19 more" in out
    assert "accuracy: " in out
    assert out.rstrip().endswith(f"answers written to {tmp_path / 'out'}")
    (photos / "broken.png").write_bytes(b"nothing")
    assert main(["infer", str(digits.path), str(photos), "--show", "0"]) == 1
    assert main(["infer", str(digits.path), str(photos / "broken.png")]) == 1
    assert "not used: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--write", "csv"], "--write says what goes into a folder; name it with --output FOLDER"),
        (["-o", "OUT", "--write", "pdf"], "--write has 'pdf'; choose from: csv"),
        (["-o", "OUT", "--write", "masks"], "--write has 'masks', which is for masks, and model"),
        (
            ["--resize", "4,4"],
            "and the network takes 8x8; bring it to that size with --resize 8,8",
        ),
        (["--labels", "nowhere.txt"], "the labels 'nowhere.txt' cannot be read"),
        (["--top", "0"], "--top is 0; it must be 1 or more"),
    ],
)
def test_what_the_command_refuses(
    digits: Run, photos: Path, tmp_path: Path, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
):
    options = [str(tmp_path / "out") if option == "OUT" else option for option in options]
    assert main(["infer", str(digits.path), str(photos), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_what_cannot_be_written_is_said(digits: Run, photos: Path, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot write to .*file"):
        infer(digits, photos, output=tmp_path / "file")


def test_nothing_is_written_if_nothing_fits(digits: Run, tmp_path: Path):
    Image.new("RGB", (8, 8)).save(tmp_path / "red.png")
    with pytest.raises(UserError, match="3 channels"):
        infer(digits, tmp_path / "red.png", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bars_are_as_long_as_the_share():
    assert text_bar(0, 3) == "   "
    assert text_bar(1, 3) == text_bar(1.5, 3) == "███"
    assert text_bar(0.5, 3) == "█▌ "
