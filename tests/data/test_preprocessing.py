import numpy as np
import pytest

from backproof.data import PreprocessingOptions
from backproof.data.preprocessing import (
    AdaptiveInvert,
    CenterCrop,
    DivideByMax,
    Grayscale,
    MinMax,
    Normalize,
    PlainResize,
    Resize,
    ResizeShorter,
    Standardize,
    Trim,
    preprocessing_from_json,
    preprocessing_json,
    size_after,
    steps_of,
)
from backproof.errors import UserError


def gray(rows) -> np.ndarray:
    return np.array(rows, dtype=np.float32)[:, :, None]


def test_steps_come_in_the_documented_order():
    every = PreprocessingOptions(
        flatten=True, resize=(4, 5), trim=True, adaptive_invert=True, minmax=True, grayscale=True
    )
    assert steps_of(every) == (Grayscale(), MinMax(), AdaptiveInvert(-1, 1), Trim(), Resize(4, 5))
    assert steps_of(PreprocessingOptions(adaptive_invert=True)) == (AdaptiveInvert(0, 1),)
    assert steps_of(PreprocessingOptions()) == ()


def test_grayscale_weighs_as_pillow_does():
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    ours = Grayscale()(pixels.astype(np.float32) / 255)
    assert ours.shape == (9, 7, 1)
    assert np.allclose(ours[:, :, 0] * 255, np.asarray(Image.fromarray(pixels).convert("L")), atol=0.51)
    assert np.array_equal(Grayscale()(ours), ours)


def test_minmax_uses_the_whole_range():
    stretched = MinMax()(gray([[0.2, 0.3], [0.4, 0.4]]))
    assert stretched.min() == -1
    assert stretched.max() == 1
    assert stretched[0, 1, 0] == pytest.approx(0, abs=1e-6)
    assert np.array_equal(MinMax()(gray([[3, 3]])), gray([[0, 0]]))


def test_adaptive_invert_turns_dark_paper_only():
    light, dark = gray([[0.9, 0.1]]), gray([[0.2, 0.7]])
    assert np.array_equal(AdaptiveInvert(0, 1)(light), light)
    assert np.allclose(AdaptiveInvert(0, 1)(dark), gray([[0.8, 0.3]]))
    assert np.array_equal(AdaptiveInvert(-1, 1)(gray([[-1, 1]])), gray([[1, -1]]))
    blue_paper = np.array([[[0, 0, 1], [1, 1, 1]]], dtype=np.float32)  # brightness 0.114
    assert np.array_equal(AdaptiveInvert(0, 1)(blue_paper), 1 - blue_paper)


def test_adaptive_invert_says_when_values_are_out_of_range():
    with pytest.raises(UserError, match=r"needs values of 0 to 1, not 0 to 17; add minmax"):
        AdaptiveInvert(0, 1)(gray([[0, 17]]))


def test_trim_cuts_the_border_and_keeps_the_aspect_ratio():
    image = np.ones((20, 40, 1), dtype=np.float32)
    image[3:13, 30:34] = 0  # 10 high, 4 wide; 10 high at the old ratio is 20 wide
    trimmed = Trim()(image)
    assert trimmed.shape == (10, 20, 1)
    assert np.array_equal(np.flatnonzero((trimmed == 0).all(axis=0)), [8, 9, 10, 11])
    assert (trimmed[:, :8] == 1).all()


def test_trim_ignores_grain_but_no_ink():
    random = np.random.default_rng(0)
    image = np.ones((30, 30, 3)) + random.normal(0, 0.01, (30, 30, 3))
    image[10:20, 10:20] = 0.5
    assert Trim()(image.astype(np.float32)).shape == (10, 10, 3)
    blank = np.ones((5, 6, 1), dtype=np.float32)
    assert np.array_equal(Trim()(blank), blank)


def test_resize_has_the_asked_size_and_averages_when_shrinking():
    checks = gray((np.indices((8, 12)).sum(axis=0) % 2).tolist())
    small = Resize(4, 6)(checks)
    assert small.shape == (4, 6, 1)
    assert np.allclose(small[1:-1, 1:-1], 0.5, atol=0.05)
    assert Resize(16, 24)(np.zeros((8, 12, 3), np.float32)).shape == (16, 24, 3)
    assert Resize(8, 12)(checks) is checks


@pytest.mark.parametrize("resize", [(0,), (0, 16), (1, 2, 3), (16, -1)])
def test_a_bad_resize_is_refused(resize):
    with pytest.raises(UserError, match=r"resize is .*; it must be a height and a width"):
        PreprocessingOptions(resize=resize)


def test_standardize_gives_mean_0_and_deviation_1_to_each_image():
    image = np.random.default_rng(0).random((5, 4, 3), dtype=np.float32)
    done = Standardize()(image)
    assert done.dtype == np.float32
    assert abs(done.mean()) < 1e-6
    assert abs(done.std() - 1) < 1e-6


@pytest.mark.parametrize("value", [0.1, 0.3, 25 / 255, 77 / 255, 1.0])
@pytest.mark.parametrize("shape", [(2, 2, 1), (28, 28, 1), (110, 110, 3)])
def test_an_even_image_becomes_0_though_its_mean_is_rounded(value, shape):
    assert not Standardize()(np.full(shape, value, dtype=np.float32)).any()


def test_as_torchvision_writes_it():
    options = PreprocessingOptions(resize=(256,), center_crop=(224,), mean=(0.485, 0.456, 0.406), std=(0.229,))
    crop = CenterCrop(224, 224)
    assert steps_of(options) == (ResizeShorter(256), crop, Normalize((0.485, 0.456, 0.406), (0.229,)))
    assert size_after(options) == (224, 224)
    assert size_after(PreprocessingOptions(resize=(256,))) == ()
    assert size_after(PreprocessingOptions(resize=(32, 48))) == (32, 48)
    image = np.random.default_rng(0).uniform(size=(30, 45, 3)).astype(np.float32)
    assert ResizeShorter(20)(image).shape == (20, 30, 3)
    assert ResizeShorter(20)(image[:, :25]).shape == (24, 20, 3)
    assert np.array_equal(ResizeShorter(20)(image), Resize(20, 30)(image))
    assert np.array_equal(CenterCrop(10, 5)(image), image[10:20, 20:25])
    assert np.array_equal(CenterCrop(11, 11)(image), image[10:21, 17:28])  # torchvision rounds 9.5 to even too
    assert np.allclose(Normalize((0.1, 0.2, 0.3), (2.0,))(image), (image - [0.1, 0.2, 0.3]) / 2)
    assert Normalize((0.5,), (0.5,))(image).dtype == np.float32


def test_as_torchvision_does_it():
    transforms = pytest.importorskip("torchvision.transforms")
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (61, 90, 3), dtype=np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    names = ("Resize", "CenterCrop", "ToTensor")
    steps = [kind(*value) for kind, value in zip(map(transforms.__dict__.get, names), ((40,), (32,), ()), strict=True)]
    theirs = transforms.Compose([*steps, transforms.Normalize(mean, std)])(Image.fromarray(pixels)).numpy()
    ours = pixels.astype(np.float32) / 255
    for step in steps_of(PreprocessingOptions(resize=(40,), center_crop=(32,), mean=mean, std=std)):
        ours = step(ours)
    assert abs(ours.transpose(2, 0, 1) - theirs).max() < 1.1 / 255 / min(std)  # Pillow rounds to bytes twice


def test_dividing_by_the_greatest_value():
    assert np.allclose(DivideByMax()(gray([[0.2, 0.4]])), gray([[0.5, 1]]))
    assert np.array_equal(DivideByMax()(gray([[0, 0]])), gray([[0, 0]]))


def test_what_does_not_fit_an_image_is_said():
    image = np.zeros((9, 7, 3), dtype=np.float32)
    with pytest.raises(UserError, match=r"center_crop=8,8 is more than the image has, 9x7; resize first"):
        CenterCrop(8, 8)(image)
    with pytest.raises(UserError, match=r"mean=0.5,0.5 has 2 values, and the image 3 channels"):
        Normalize((0.5, 0.5))(image)
    with pytest.raises(UserError, match=r"mean has 3 values and std 2; give one a channel"):
        PreprocessingOptions(mean=(1, 2, 3), std=(1, 2))
    with pytest.raises(UserError, match=r"center_crop is 0; it must be a height and a width"):
        PreprocessingOptions(center_crop=(0,))


@pytest.mark.parametrize("step", [Resize(5, 6), ResizeShorter(8), CenterCrop(7, 5), Trim()])
def test_the_box_is_the_part_that_the_result_shows(step):
    """Coordinates moved along say where the result's first and last pixel come from."""
    image = np.ones((20, 30, 1), dtype=np.float32)
    image[6:17, 9:23] = 0
    top, left, height, width = step.box(image)
    places = np.mgrid[0:20, 0:30].transpose(1, 2, 0).astype(np.float32)
    moved = step.move(places, image)
    scale = np.array([height / moved.shape[0], width / moved.shape[1]])
    middle = moved[moved.shape[0] // 2 - 1 : moved.shape[0] // 2 + 1, moved.shape[1] // 2 - 1 : moved.shape[1] // 2 + 1]
    rows, columns = np.mgrid[-1:1, -1:1] + np.array(moved.shape[:2]).reshape(2, 1, 1) // 2 + 0.5
    expected = np.stack([top + rows * scale[0], left + columns * scale[1]], axis=2) - 0.5
    assert np.allclose(middle, expected, atol=0.02)


def test_preprocessing_as_a_file_keeps_it():
    options = PreprocessingOptions(resize=(224,), mean=(0.5,), std=(0.25,), grayscale=True)
    assert preprocessing_json(options) == '{"grayscale": true, "resize": [224], "mean": [0.5], "std": [0.25]}'
    assert preprocessing_from_json(preprocessing_json(options), "x") == options
    assert preprocessing_json(PreprocessingOptions()) == "{}"


@pytest.mark.parametrize("size", [(5, 7), (31, 40), (13, 3), (20, 30)])
def test_resizing_without_antialiasing_is_pytorchs(size):
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(0).random((20, 30, 3), dtype=np.float32)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    right = torch.nn.functional.interpolate(planes, size=size, mode="bilinear", align_corners=False)[0]
    found = PlainResize(*size)(image)
    np.testing.assert_allclose(found, right.permute(1, 2, 0).numpy(), atol=1e-6)
    assert found.dtype == np.float32
    assert found.flags["C_CONTIGUOUS"]
    mask = (image[:, :, :1] > 0.5).astype(np.int64)
    assert set(np.unique(PlainResize(*size).move(mask, image))) <= {0, 1}


def test_antialiasing_is_a_matter_of_resizing():
    assert steps_of(PreprocessingOptions(resize=(4, 5), antialias=False)) == (PlainResize(4, 5),)
    for resize in ((), (8,)):
        with pytest.raises(UserError, match="antialias=False says how to resize; give resize=HEIGHT,WIDTH"):
            PreprocessingOptions(resize=resize, antialias=False)
