import numpy as np
import pytest

from backproof.data import PreprocessingOptions, load
from backproof.errors import UserError

Y = np.tile([0, 1], 20)


@pytest.fixture
def npz(tmp_path):
    """Write arrays as datasets/some.npz."""

    def write(**arrays):
        (tmp_path / "datasets").mkdir(exist_ok=True)
        np.savez(tmp_path / "datasets" / "some.npz", **arrays)

    return write


@pytest.mark.parametrize(
    ("given", "expected"),
    [((7,), (7,)), ((5, 4), (1, 5, 4)), ((5, 4, 3), (3, 5, 4)), ((3, 5, 4), (3, 5, 4)), ((5, 4, 1), (1, 5, 4))],
)
def test_shapes_become_channels_first(npz, options, given, expected):
    x = np.random.default_rng(0).normal(size=(40, *given)).astype(np.float32)
    npz(x=x, y=Y)
    parts = load(options("some"), PreprocessingOptions())
    assert parts.train.x.shape == (28, *expected)
    channels_last = len(given) == 3 and given != expected
    stored = np.moveaxis(x, 3, 1) if channels_last else x.reshape(40, *expected)
    assert np.array_equal(parts.dev.x, stored[parts.dev.ids])  # floats are kept as they are


def test_bytes_are_pixels_and_other_integers_are_kept(npz, options):
    npz(x=np.full((40, 3, 3), 51, dtype=np.uint8), y=Y)
    assert np.allclose(load(options("some"), PreprocessingOptions()).train.x, 0.2)
    npz(x=np.full((40, 3, 3), 51, dtype=np.int32), y=Y)
    assert (load(options("some"), PreprocessingOptions()).train.x == 51).all()


def test_labels_may_be_names_or_index_classes(npz, options):
    x = np.zeros((40, 2))
    npz(x=x, y=np.tile(["b10", "b9"], 20))
    parts = load(options("some"), PreprocessingOptions())
    assert parts.classes == ("b9", "b10")
    assert np.array_equal(parts.train.y, (parts.train.ids + 1) % 2)
    npz(x=x, y=Y, classes=np.array(["no", "yes", "perhaps"]))
    parts = load(options("some"), PreprocessingOptions())
    assert parts.classes == ("no", "yes", "perhaps")
    assert np.array_equal(parts.train.y, parts.train.ids % 2)


def test_test_arrays_are_the_test_partition(npz, options):
    npz(x=np.zeros((40, 2)), y=Y, x_test=np.ones((6, 2)), y_test=Y[:6])
    parts = load(options("some", split=(0.5, 0.5)), PreprocessingOptions())
    assert [len(part) for part in parts] == [20, 20, 6]
    assert (parts.test.x == 1).all()
    assert (parts.train.x == 0).all()


def test_nan_names_the_sample(npz, options):
    x = np.zeros((40, 3, 3))
    x[17, 1, 1] = np.nan
    x[30, 0, 0] = np.inf
    npz(x=x, y=Y)
    with pytest.raises(UserError, match=r"some.npz: x holds NaN or infinite .* in 2 samples, the first is sample 17"):
        load(options("some"), PreprocessingOptions())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((4, 2))}, "has no array 'y'; it holds: x"),
        ({"x": np.zeros(4), "y": Y[:4]}, r"x has shape \(4,\)"),
        ({"x": np.zeros((4, 2)), "y": Y[:3]}, "x holds 4 samples, but y 3 targets"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(4, complex)}, "expected .* whole numbers or strings"),
        (
            {"x": np.zeros((4, 2)), "y": Y[:4], "classes": np.array(["a"])},
            "indices 0 to 1, but there are 1 names",
        ),
        ({"x": np.zeros((4, 2)), "y": Y[:4], "x_test": np.zeros((4, 3)), "y_test": Y[:4]}, "those of x_test"),
        ({"x": np.zeros((4, 2)), "y": Y[:4], "x_test": np.zeros((4, 2))}, "no array 'y_test'"),
        ({"x": np.zeros((0, 2)), "y": Y[:0]}, "empty"),
        ({"x": np.zeros((4, 0)), "y": Y[:4]}, r"a sample of 'some' has the shape \(0,\)"),
        ({"x": np.full((4, 2), 1e300), "y": Y[:4]}, r"infinite values \(as float32\) in 4 samples"),
        ({"x": np.zeros((4, 2)), "y": Y[:4], "classes": np.array("ab")}, r"classes has shape \(\)"),
        ({"x": np.zeros((4, 2)), "y": Y[:4], "classes": np.array([["a", "b"]])}, r"classes has shape \(1, 2\)"),
        ({"x": np.zeros((4, 2)), "y": Y[:4], "classes": np.array(["a", "a"])}, "the name 'a' is there twice"),
        ({"x": np.zeros((2, 2)), "y": np.array(["a", "b"]), "classes": np.array(["a", "b"])}, "y holds names already"),
        ({"x": np.zeros((2, 2)), "y": np.array([0, 2**64 - 1], np.uint64)}, "labels are at most 9223372036854775807"),
    ],
)
def test_arrays_that_do_not_fit_are_named(npz, options, arrays, message):
    npz(**arrays)
    with pytest.raises(UserError, match=message):
        load(options("some"), PreprocessingOptions())


def test_a_damaged_file_is_named(npz, options, tmp_path):
    npz(x=np.zeros((40, 2)), y=Y)
    path = tmp_path / "datasets" / "some.npz"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=r"some.npz is damaged, or no .npz file"):
        load(options("some"), PreprocessingOptions())


def test_one_array_without_a_name_is_no_dataset(options, tmp_path):
    path = tmp_path / "datasets" / "some.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.save(file, np.zeros((40, 2)))
    with pytest.raises(UserError, match=r"some.npz holds one array without a name; write it with np.savez"):
        load(options("some"), PreprocessingOptions())


def test_labels_of_x_and_x_test_may_be_of_other_types(npz, options):
    npz(x=np.zeros((40, 2)), y=Y.astype(np.uint64), x_test=np.ones((6, 2)), y_test=Y[:6].astype(np.int8))
    assert load(options("some", split=(0.5, 0.5)), PreprocessingOptions()).classes == tuple(map(str, sorted(set(Y))))


def test_vectors_cannot_be_resized(npz, options):
    npz(x=np.zeros((40, 2)), y=Y)
    with pytest.raises(UserError, match="'some' holds vectors, but Resize is for images"):
        load(options("some"), PreprocessingOptions(resize=(2, 2)))
