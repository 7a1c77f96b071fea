import numpy as np
import pytest
from PIL import Image

from backproof.data import (
    AugmentationOptions,
    BadImageError,
    Batch,
    Batches,
    PreprocessingOptions,
    Source,
    TargetSpec,
    contact_sheet,
    describe,
    dump_batches,
    load,
)
from backproof.data.pictures import save_sheet
from backproof.data.sources import registry
from backproof.errors import UserError

ONE = TargetSpec("class", ("a",))


def test_a_folder_is_described(pets, options):
    Image.new("L", (30, 20)).save(pets / "dog" / "big.png")
    summary = describe(options())
    assert (summary.name, summary.kind, summary.where) == ("pets", "folder", str(pets))
    assert summary.targets == TargetSpec("class", ("cat", "dog"))
    assert summary.table == (("class", "samples"), ("cat", "10"), ("dog", "11"))
    assert summary.counts == {"cat": 10, "dog": 11}
    assert (summary.smallest, summary.largest) == ((6, 8), (20, 30))
    assert summary.modes == {"RGB": 20, "L": 1}
    assert summary.partitions == {"train": 15, "dev": 3, "test": 3}
    assert summary.samples == 21


def test_arrays_are_described(options):
    summary = describe(options("digits"))
    assert summary.smallest == summary.largest == (8, 8)
    assert summary.modes == {"float32 x 1 channel": 1797}
    assert sum(summary.counts.values()) == 1797


class Lazy:
    """Images that are read when asked for, the last of them bad."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        if index == 6:
            raise BadImageError("sample 6: no")
        return np.full((2, 3 + index, 3), 40, np.uint8)


def test_images_of_ones_own_are_described(monkeypatch, options, tmp_path):
    source = Source(
        "lazy", "mine", "here", TargetSpec("class", ("a", "b")), Lazy(), np.array([0, 1] * 3 + [0]), "digest"
    )
    monkeypatch.setitem(registry.DATASETS, "lazy", registry.Dataset("lazy", "", read=lambda: source))
    summary = describe(options("lazy", split=(0.5, 0.5)))
    assert summary.modes == {"uint8 x 3 channels": 6}
    assert (summary.samples, summary.smallest, summary.largest) == (6, (2, 3), (2, 8))
    assert summary.unreadable == ("sample 6: no",)
    assert summary.partitions == {"train": 3, "dev": 3, "test": 0}


def test_data_that_cannot_be_divided_is_described_all_the_same(pets, options):
    summary = describe(options(select="1-5"))
    assert summary.partitions == {}
    assert summary.counts == {"cat": 5, "dog": 0}
    assert "there is only one class, 'cat'; a classifier needs two or more" in summary.notes


def test_a_contact_sheet_shows_the_samples(pets, options, tmp_path):
    Image.new("RGB", (8, 6), (255, 0, 255)).save(pets / "cat" / "0.png")
    (pets / "dog" / "0.png").write_bytes(b"bad")
    contact_sheet(options(), tmp_path / "new" / "sheet.png", per_class=4)
    sheet = np.asarray(Image.open(tmp_path / "new" / "sheet.png"))
    assert (sheet == (255, 0, 255)).all(axis=2).sum() == 72 * 54  # 8x6 fitted into a square of 72


def test_a_contact_sheet_of_wide_numbers_goes_from_black_to_white(options, tmp_path):
    (tmp_path / "datasets").mkdir()
    x = np.stack([np.full((4, 4), value) for value in (-3.0, 0.0, 3.0, 3.0)])
    np.savez(tmp_path / "datasets" / "wide.npz", x=x, y=[0, 0, 1, 1])
    contact_sheet(options("wide"), tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    for gray, pictures in ((0, 1), (128, 1)):
        assert (sheet == gray).all(axis=2).sum() >= pictures * 72 * 72
    with pytest.raises(UserError, match="per_class is 0"):
        contact_sheet(options("wide"), tmp_path / "sheet.png", per_class=0)


def test_a_contact_sheet_of_vectors_is_refused(options, tmp_path):
    (tmp_path / "datasets").mkdir()
    np.savez(tmp_path / "datasets" / "v.npz", x=np.zeros((9, 2)), y=np.tile([0, 1, 2], 3))
    with pytest.raises(UserError, match="'v' holds vectors, not images"):
        contact_sheet(options("v"), tmp_path / "sheet.png")


@pytest.mark.parametrize("flatten", [False, True])
def test_dumped_batches_show_what_the_model_sees(pets, options, tmp_path, flatten):
    parts = load(options(), PreprocessingOptions(flatten=flatten))
    parts.train.x[:] = 0.2  # every picture one gray: easy to find again
    batch = next(Batches(parts.train, batch_size=None, augmentation=AugmentationOptions(), data_seed=0).epoch(1))
    path = dump_batches(tmp_path / "dump", batch, 2, 17, parts.targets)
    assert path == tmp_path / "dump" / "epoch-002_step-000017.png"
    pixels = np.asarray(Image.open(path))
    assert (pixels == 51).all(axis=2).sum() >= 14 * 72 * 54


def test_vectors_and_wide_values_are_drawn(tmp_path):
    batch = Batch(np.array([[-3.0, 0, 3]], np.float32), np.array([0]), np.array([9]))
    pixels = np.asarray(Image.open(dump_batches(tmp_path, batch, 1, 1, ONE)))
    assert {0, 128, 255} <= set(np.unique(pixels))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    batch = Batch(np.zeros((1, 4), np.float32), np.array([0]), np.array([0]), (1, 2, 2))
    with pytest.raises(UserError, match=r"cannot write .*file/epoch-001"):
        dump_batches(tmp_path / "file", batch, 1, 1, ONE)


def test_a_sheet_without_pictures_has_its_title(tmp_path):
    save_sheet(tmp_path / "sheet.png", "nothing", [], side=10)
    assert np.asarray(Image.open(tmp_path / "sheet.png")).std() > 0
