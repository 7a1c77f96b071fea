import colorsys
import hashlib

import numpy as np
import pytest
from PIL import Image

from backproof.data import PreprocessingOptions, available, load, make
from backproof.data.sources import registry
from backproof.errors import UserError


def digest(folder):
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.png")):
        whole.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    return make("numbers", tmp_path_factory.mktemp("data"))


def test_digits_are_the_real_ones(options):
    parts = load(options("digits"), PreprocessingOptions())
    assert [part.x.shape for part in parts] == [(1258, 1, 8, 8), (270, 1, 8, 8), (269, 1, 8, 8)]
    assert parts.classes == tuple("0123456789")
    assert parts.train.x.max() == 1


def test_colors_are_written_on_first_use_and_told_apart_by_their_channel(options, tmp_path):
    parts = load(options("colors"), PreprocessingOptions())
    assert parts.classes == ("blue", "green", "red")
    assert len(list((tmp_path / "datasets" / "colors" / "red").glob("*.png"))) == 100
    brightest = parts.train.x.mean(axis=(2, 3)).argmax(axis=1)  # channel 0 is red, 2 is blue
    assert np.array_equal(brightest, 2 - parts.train.y)
    hues = [colorsys.rgb_to_hsv(*x.mean(axis=(1, 2)))[0] for x in parts.train.x[parts.train.y == 1]]
    assert max(hues) - min(hues) > 0.1


def test_numbers_are_848_pictures_on_light_and_dark_paper(numbers):
    pictures = [np.asarray(Image.open(path)) for path in sorted(numbers.rglob("*.png"))]
    assert len(pictures) == 848
    assert {picture.shape for picture in pictures} == {(110, 110, 3)}
    brightness = [picture @ (0.299, 0.587, 0.114) for picture in pictures]
    light_paper = [picture[0, 0] > picture.min() + picture.max() - picture[0, 0] for picture in brightness]
    assert 0.4 < np.mean(light_paper) < 0.6
    # All four corners are paper: trimming can go by any of them.
    spread = [np.ptp(picture[[0, 0, -1, -1], [0, -1, 0, -1]]) for picture in brightness]
    assert max(spread) < 20


def test_the_same_seed_gives_the_same_bytes(tmp_path, numbers):
    assert digest(make("numbers", tmp_path / "again")) == digest(numbers)
    one, same, other = (digest(make("colors", tmp_path / str(i), seed)) for i, seed in enumerate((5, 5, 6)))
    assert one == same != other


def averages(folder):
    """Over all pictures, of all pixels; late ones more than early ones; and pictures late in the alphabet more."""
    pixels = [np.asarray(Image.open(path), np.float64).reshape(-1) for path in sorted(folder.rglob("*.png"))]
    plain = np.array([np.mean(p) for p in pixels])
    late = np.array([np.mean(p * np.linspace(0, 1, p.size)) for p in pixels])
    return [plain.mean(), late.mean(), np.mean(plain * np.linspace(0, 1, len(plain)))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("colors", [91.031, 45.412, 46.270]),
        ("shapes", [64.173, 31.995, 16.120]),
        ("numbers", [127.396, 63.713, 63.048]),
    ],
)
def test_what_is_generated_stays_what_it_is(name, expected, numbers, tmp_path):
    """Results on it are quoted. A pixel may be rounded otherwise elsewhere; 0.01 of 255 is no more than that."""
    assert averages(numbers if name == "numbers" else make(name, tmp_path)) == pytest.approx(expected, abs=0.01)


def test_masks_of_shapes_are_in_the_colours_of_their_classes(tmp_path):
    """Those of Okabe and Ito, which the colour-blind tell apart, behind black."""
    mask = Image.open(next((make("shapes", tmp_path) / "masks").glob("*.png")))
    assert mask.getpalette()[:12] == [0, 0, 0, 230, 159, 0, 86, 180, 233, 0, 158, 115]


def test_numbers_need_their_preprocessing(numbers, options):
    """The steps make one network learn what it cannot without them; the reason for the dataset."""
    from sklearn.neural_network import MLPClassifier

    def train_accuracy(**steps):
        part = load(options(numbers), PreprocessingOptions(resize=(16, 16), flatten=True, **steps)).train
        network = MLPClassifier((16,), learning_rate_init=1e-2, batch_size=32, max_iter=30, random_state=0, tol=0)
        network.n_iter_no_change = 30
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 30 epochs, whether it converged or not
            return network.fit(part.x, part.y).score(part.x, part.y)

    assert train_accuracy(grayscale=True, minmax=True, adaptive_invert=True, trim=True) > 0.98
    assert train_accuracy() < 0.5


def test_making_never_overwrites(tmp_path):
    folder = make("colors", tmp_path)
    before = digest(folder)
    with pytest.raises(UserError, match="colors exists already; delete it first"):
        make("colors", tmp_path, seed=1)
    assert digest(folder) == before


def test_an_interrupted_making_leaves_nothing(tmp_path, monkeypatch):
    def stop(folder, seed):
        (folder / "half").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setitem(registry.DATASETS, "colors", registry.Dataset("colors", "", write=stop))
    with pytest.raises(KeyboardInterrupt):
        make("colors", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_made_is_said(tmp_path):
    with pytest.raises(UserError, match="'digits' is built in and needs no making; can be made: colors, numbers"):
        make("digits", tmp_path)
    with pytest.raises(UserError, match="unknown dataset to make 'colour'; did you mean colors"):
        make("colour", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write dataset 'colors' to .*file/colors"):
        make("colors", tmp_path / "file")


def test_available_lists_built_in_generated_and_found(pets, tmp_path):
    np.savez(tmp_path / "datasets" / "arrays.npz", x=[[1.0]], y=[0])
    (tmp_path / "datasets" / ".cache").mkdir()
    (tmp_path / "datasets" / "notes.txt").write_text("")
    make("colors", tmp_path / "datasets")
    listed = {entry.name: entry for entry in available(tmp_path / "datasets")}
    generated, built_in = ["colors", "numbers", "shapes"], ["diabetes", "digits", "rotated_digits"]
    kinds = {
        **dict.fromkeys(generated, "generated"),
        **dict.fromkeys(built_in, "built in"),
        "arrays": "npz",
        "pets": "folder",
    }
    assert {name: entry.kind for name, entry in listed.items()}.items() >= kinds.items()
    assert [name for name, entry in listed.items() if entry.kind not in ("generated", "built in")] == ["arrays", "pets"]
    assert listed["colors"].where == str(tmp_path / "datasets" / "colors")
    assert listed["pets"].where == str(pets)
    assert {entry.name for entry in available(tmp_path / "nowhere")} == listed.keys() - {"arrays", "pets"}
