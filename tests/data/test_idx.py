import gzip
import struct

import numpy as np
import pytest

from backproof.data import PreprocessingOptions, load
from backproof.data.sources.idx import read_idx_file
from backproof.errors import UserError


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, 5, 4), dtype=np.uint8)
    labels = np.repeat([3, 7], 20).astype(np.uint8)
    return images, labels


@pytest.fixture
def folder(tmp_path, arrays):
    """30 training and 10 test images, the former gzipped, the latter raw."""
    images, labels = arrays
    folder = tmp_path / "datasets" / "tiny"
    folder.mkdir(parents=True)
    train = np.r_[0:15, 20:35]
    test = np.r_[15:20, 35:40]
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images[train])))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels[train])))
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(images[test]))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(labels[test]))
    return folder


def test_gzip_and_raw_files_are_read(folder, arrays, options):
    parts = load(options("tiny", split=(20, 10)), PreprocessingOptions())
    assert parts.classes == ("3", "7")
    assert parts.train.x.shape == (20, 1, 5, 4)
    assert (len(parts.dev), len(parts.test)) == (10, 10)
    assert sorted(parts.test.ids) == list(range(30, 40))
    images = np.concatenate([arrays[0][:15], arrays[0][20:35], arrays[0][15:20], arrays[0][35:]])
    for part in parts:
        assert np.array_equal(part.x[:, 0], (images[part.ids] / np.float32(255)).astype(np.float32))


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        ((0.7, 0.15, 0.15), (25, 5, 10)),
        ((0.8, 0.2), (24, 6, 10)),
        ((0.8, 0.2, 0.0), (24, 6, 0)),
        ((1.0,), (30, 0, 10)),
        ((20, 4, 6), (20, 4, 6)),
    ],
)
def test_its_own_test_partition_stays(folder, options, split, sizes):
    parts = load(options("tiny", split=split), PreprocessingOptions())
    assert tuple(len(part) for part in parts) == sizes
    assert all(i >= 30 for i in parts.test.ids)


def test_a_prefix_and_the_name_with_a_dot_work(tmp_path, arrays, options):
    (tmp_path / "letters-train-images.idx3-ubyte").write_bytes(idx(arrays[0]))
    (tmp_path / "letters-train-labels.idx1-ubyte").write_bytes(idx(arrays[1]))
    parts = load(options(tmp_path / "letters"), PreprocessingOptions(flatten=True))
    assert [part.x.shape for part in parts] == [(28, 20), (6, 20), (6, 20)]
    assert parts.image_shape == (1, 5, 4)


def test_a_truncated_file_is_named(folder):
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"t10k-images.* is truncated: its header says 10 x 5 x 4 bytes, but 199"):
        read_idx_file(path, 3)
    path.write_bytes(b"\0\0\x08")
    with pytest.raises(UserError, match="truncated: 3 bytes, not even a header"):
        read_idx_file(path, 3)


def test_a_truncated_or_damaged_gzip_stream_is_named(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"train-images.* is truncated: its gzip stream ends too early"):
        read_idx_file(path, 3)
    path.write_bytes(whole[:60] + b"\xff\xff\xff" + whole[63:])
    with pytest.raises(UserError, match=r"train-images.* is damaged"):
        read_idx_file(path, 3)


def test_bytes_too_many_are_an_error(folder):
    path = folder / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UserError, match="too long"):
        read_idx_file(path, 1)


def test_a_wrong_magic_number_is_named(folder, options):
    labels = (folder / "t10k-labels-idx1-ubyte").read_bytes()
    (folder / "t10k-images-idx3-ubyte").write_bytes(labels + bytes(20))
    with pytest.raises(UserError, match=r"t10k-images.* wrong magic number 0x00000801; .* begins with 0x00000803"):
        load(options("tiny"), PreprocessingOptions())


def test_unequal_counts_are_named(folder, arrays, options):
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(arrays[1][:9]))
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte holds 10 images, but .*t10k-labels.* 9 labels"):
        load(options("tiny"), PreprocessingOptions())


def test_training_and_test_images_of_two_sizes_are_named(folder, arrays, options):
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(arrays[0][:10, :4]))
    with pytest.raises(UserError, match=r"tiny: training and test images differ in size: 4x4 and 5x4"):
        load(options("tiny"), PreprocessingOptions())


def test_missing_labels_are_named(folder, options):
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match="has no labels beside it; expected train-labels-idx1-ubyte"):
        load(options("tiny"), PreprocessingOptions())
