"""`backproof train`: experiments, files, resuming, and every error a user can make, each in one sentence."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backproof.cli import main
from backproof.runs.store import list_runs, open_run

QUICK = ["train", "--layers", "8", "--epochs", "1", "--batch-size", "256"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images(folder: Path, classes: int = 2, count: int = 6) -> None:
    for label in range(classes):
        (folder / f"class{label}").mkdir(parents=True)
        for i in range(count):
            Image.new("L", (6, 5), 20 * i + label).save(folder / f"class{label}" / f"{i}.png")


def test_experiments_share_what_is_common(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = ["--experiment", "--name", "a"], ["--experiment", "--name", "b", "-e", "torch"]
    assert main([*QUICK, "--learning-rate", "0.1", *a, *b]) == 0
    runs = list_runs("runs")
    assert [(run.name, run.spec.engine.engine) for run in runs] == [("a", "numpy"), ("b", "torch")]
    assert {run.spec.optimizer.learning_rate for run in runs} == {0.1}
    assert {run.spec.model.layers for run in runs} == {(8,)}
    assert "backproof report runs/a runs/b" in capsys.readouterr().out
    assert main(["compare", "--weights", "runs/a", "runs/b"]) == 0
    assert "weights of a and b" in capsys.readouterr().out


def test_an_experiment_overrides_what_is_common() -> None:
    assert main([*QUICK, "--model-seed", "1", "--experiment", "--experiment", "--model-seed", "5"]) == 0
    assert [run.spec.model.model_seed for run in list_runs("runs")] == [1, 5]


def test_repeats_take_one_seed_after_the_other() -> None:
    assert main([*QUICK, "--model-seed", "3", "--repeat", "2"]) == 0
    runs = list_runs("runs")
    assert [run.spec.model.model_seed for run in runs] == [3, 4]
    assert len({run.name for run in runs}) == 2


def test_command_line_goes_before_the_file(here: Path) -> None:
    (here / "two.toml").write_text(
        "[training]\nepochs = 3\nbatch_size = 'full'\n"
        "[[experiment]]\n[experiment.model]\nmodel = 'one_layer'\n"
        "[[experiment]]\n[experiment.model]\nlayers = [5]\nmodel_seed = 9\n"
    )
    over = ["--epochs", "1", "--experiment", "--experiment", "--model-seed", "2"]
    assert main(["train", "--config", "two.toml", *over]) == 0
    specs = [run.spec for run in list_runs("runs")]
    assert {(s.model.model, s.model.layers, s.model.model_seed) for s in specs} == {
        ("one_layer", None, 0),
        ("one_layer", None, 2),
        ("mlp", (5,), 9),
        ("mlp", (5,), 2),
    }
    assert {(s.training.epochs, s.training.batch_size) for s in specs} == {(1, "full")}


def test_a_run_can_be_repeated_from_its_file() -> None:
    assert main([*QUICK, "--name", "first"]) == 0
    assert main(["train", "--config", "runs/first/spec.toml", "--name", "again"]) == 0
    first, again = open_run("runs/first").weights(), open_run("runs/again").weights()
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_resume_goes_on_with_more_epochs() -> None:
    common = ["train", "--layers", "8", "--batch-size", "256"]
    assert main([*common, "--epochs", "2", "--name", "whole"]) == 0
    assert main([*common, "--epochs", "1", "--name", "part"]) == 0
    assert main(["train", "--resume", "runs/part", "--epochs", "2"]) == 0
    whole, part = open_run("runs/whole"), open_run("runs/part")
    assert [record.epoch for record in part.epochs()] == [1, 2]
    assert all(np.array_equal(array, part.weights()[name]) for name, array in whole.weights().items())


def test_help_lists_every_option_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    groups = ("Data", "Preprocessing", "Augmentation", "Model", "Engine", "Optimizer", "Training", "Output")
    places = [out.index(f"─ {group} ─") for group in groups]
    assert places == sorted(places)
    for text in ("--dataset", "-d", "--learning-rate", "--no-eval-dev", "NAME/<class>/<image>", "[default: 64]"):
        assert text in out


def refused(tokens: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line that says `sentence`, nothing else said, and nothing written under runs/."""
    capsys.readouterr()
    before = sorted(Path("runs").rglob("*")) if Path("runs").is_dir() else []
    assert main(tokens) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert err.count("\n") == 1
    assert err.startswith("backproof: ")
    assert out == ""
    assert (sorted(Path("runs").rglob("*")) if Path("runs").is_dir() else []) == before


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["--dataset", "digit"], "did you mean digits"),
        (["--model", "mpl"], "did you mean mlp"),
        (["--engine", "numpi"], "did you mean numpy"),
        (["--optimizer", "adma"], "did you mean adam"),
        (["--schedule", "cosin"], "did you mean cosine"),
        (["--init", "kaimin_normal"], "did you mean kaiming_normal"),
        (["--activation", "relo"], "did you mean relu"),
        (["--loss", "mes"], "--loss is 'mes'; for classification there are cross_entropy, nll, mse, hinge"),
        (["--anomaly-checks", "wran"], "warn"),
        (["--epohcs", "3"], "Did you mean --epochs?"),
        (["digits"], "'digits' means nothing here; `backproof train --help`"),
        (["--experimet"], "Did you mean --experiment?"),
        (["--experiment=yes"], "--experiment takes no value"),
        (["--epochs", "many"], "--epochs"),
        (["--epochs", "-1"], "--epochs is -1; it must be 0 or more"),
        (["--batch-size", "0"], "--batch-size is 0"),
        (["--batch-size", "all"], "--batch-size"),
        (["--layers", "8,x"], "--layers is 8,x; it must be whole numbers with commas between them"),
        (["--layers", "8", "--layers", "4"], "--layers is given 2 times; give it once"),
        (["--split", "0.9,0.9"], "--split"),
        (["--select", "5-x"], "--select"),
        (["--resize", "16,0"], "--resize is 16,0"),
        (["--stop-early"], "--stop-early needs --early-stopping"),
        (["--repeat", "0"], "--repeat is 0"),
        (["--track-layer", "fc9,3"], "fc1"),
        (["--model", "one_layer", "--layers", "5"], "model 'one_layer' takes no option 'layers'"),
        (["--momentum", "0.9"], "optimizer 'sgd' has no --momentum; it has --learning-rate, --weight-decay"),
        (["--optimizer", "nesterov", "--dampening", "0.5"], "optimizer 'nesterov' has no --dampening"),
        (["--optimizer", "adam", "--lr-decay", "0.5"], "optimizer 'adam' has no --lr-decay"),
        (["--optimizer", "adam", "--epsilon", "-1"], "--epsilon is -1; it must be 0 or more"),
        (["--optimizer", "adabound", "--bound-gamma", "0"], "--bound-gamma is 0; it must be above 0"),
        (["--warmup", "-1"], "--warmup is -1; it must be 0 or more epochs"),
        (["--device", "gpu"], "device"),
        (["--config", "none.toml"], "none.toml"),
        (["--resume", "runs/none"], "runs/none"),
        (["--experiment", "--config", "a.toml"], "--config is for all experiments"),
        (["--experiment", "--engine", "torhc"], "did you mean torch"),
        (["--name", "a/b"], "a/b"),
    ],
)
def test_wrong_options(tokens: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["train", *tokens], sentence, capsys)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[modle]\n", "did you mean model"),
        ("[model]\nlayer = [3]\n", "did you mean layers"),
        ("[[experiment]]\n[experiment.training]\nepoch = 3\n", "did you mean epochs"),
        ("[training]\nepochs = 'many'\n", "epochs"),
        ("[training\n", "no TOML"),
    ],
)
def test_wrong_files(text: str, sentence: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "wrong.toml").write_text(text)
    refused(["train", "--config", "wrong.toml"], sentence, capsys)


def test_engine_not_installed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backproof.engines.registry.installed", lambda name: name != "torch")
    refused(["train", "--engine", "torch"], "pip install 'backproof[torch]'", capsys)


def test_the_second_experiment_is_checked_before_the_first_begins(capsys: pytest.CaptureFixture[str]) -> None:
    refused([*QUICK, "--experiment", "--experiment", "--track-layer", "no,1"], "no", capsys)


def test_datasets_that_cannot_be_divided(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "empty").mkdir()
    refused(["train", "-d", "./empty"], "empty", capsys)
    images(here / "single", classes=1)
    refused(["train", "-d", "./single"], "class", capsys)
    images(here / "few", count=2)
    refused(["train", "-d", "./few"], "few", capsys)


def test_bad_images_are_named_or_skipped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images(here / "pictures", count=9)
    good = (here / "pictures/class0/0.png").read_bytes()
    (here / "pictures/class0/cut.png").write_bytes(good[: len(good) // 2])
    refused([*QUICK, "-d", "./pictures"], "cut.png", capsys)
    assert main([*QUICK, "-d", "./pictures", "--skip-bad-images", "--name", "skipping"]) == 0
    assert len(open_run("runs/skipping").dataset.skipped) == 1


def test_decompression_bomb(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    images(here / "pictures", count=9)
    Image.new("L", (80, 80)).save(here / "pictures/class1/bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    refused([*QUICK, "-d", "./pictures"], "bomb.png", capsys)


def idx(path: Path, dimensions: tuple[int, ...], magic: int = 0x08) -> None:
    header = struct.pack(f">HBB{len(dimensions)}I", 0, magic, len(dimensions), *dimensions)
    with gzip.open(path, "wb") as file:
        file.write(header + bytes(int(np.prod(dimensions))))


def test_idx_files_that_do_not_fit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "mnist"
    folder.mkdir()
    pictures, labels = folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz"
    idx(pictures, (9, 4, 4))
    idx(labels, (8,))
    refused(["train", "-d", "./mnist"], "9", capsys)
    idx(labels, (9,), magic=0x0D)
    refused(["train", "-d", "./mnist"], "train-labels-idx1-ubyte.gz", capsys)
    idx(labels, (9,))
    pictures.write_bytes(pictures.read_bytes()[:-12])
    refused(["train", "-d", "./mnist"], "train-images-idx3-ubyte.gz", capsys)


def test_nan_in_the_data(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.ones((20, 4), np.float32)
    x[3, 2] = np.nan
    np.savez(here / "holes.npz", x=x, y=np.arange(20) % 2)
    refused(["train", "-d", "./holes.npz"], "NaN", capsys)


def test_a_shape_that_does_not_fit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own.py").write_text(
        "from backproof.graph import Sequential\nfrom backproof.ops import Linear\n\n"
        "def net(input, classes):\n    return Sequential(('head', Linear(classes))).build(input)\n"
    )
    refused(["train", "--model", "own.py:net"], "put Flatten() before it", capsys)


def test_runs_folder_that_cannot_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "taken").write_text("a file")
    refused([*QUICK, "--runs-dir", "taken"], "taken", capsys)
    refused([*QUICK, "--runs-dir", "/proc/runs"], "/proc/runs", capsys)


def test_resume_from_a_different_spec_shows_the_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--name", "kept"]) == 0
    refused(["train", "--resume", "runs/kept", "--learning-rate", "3"], "learning_rate", capsys)
    refused(["train", "--resume", "runs/kep"], "did you mean runs/kept", capsys)


OWN = """
from dataclasses import dataclass

from backproof.optim import Schedule
from backproof.option import option


@dataclass(frozen=True, kw_only=True)
class Inverse(Schedule):
    half: int = option(10, "Epochs until the rate is half of what it was.", above=0, in_epochs=True)

    def decay(self, step: int) -> float:
        return 1 / (1 + step / self.half)
"""


def test_settings_of_a_schedule_from_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own.py").write_text(OWN)
    chosen = [*QUICK, "--schedule", "own.py:Inverse", "--half", "1"]
    assert main([*chosen, "--lr", "0.5", "--name", "a"]) == 0
    run = open_run("runs/a")
    assert run.spec.optimizer.settings == {"learning_rate": 0.5, "half": 1.0}
    assert 0.25 < run.epochs()[0].learning_rate < 0.5  # of the last of 5 steps
    refused(["train", "--resume", "runs/a", "--epochs", "2", "--half", "3"], "half was 1.0, now 3.0", capsys)
    assert main(["train", "--resume", "runs/a", "--epochs", "2"]) == 0
    assert 0.5 / 3 < open_run("runs/a").epochs()[1].learning_rate < 0.25
    refused([*chosen, "--half", "0"], "half", capsys)
    refused([*QUICK, "--half", "1", "--use", "own.py"], "schedule 'constant' has no --half; it has --warmup", capsys)
