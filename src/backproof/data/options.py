"""What a user can choose about data: plain values, each checked where it is made."""

from dataclasses import dataclass

from backproof.data.split import check_split, parse_select
from backproof.errors import OptionError
from backproof.option import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class DataOptions(OptionGroup):
    """Which samples are used, and how they are divided."""

    dataset: str = option(
        "digits",
        "A built-in name, a name under the data folder, or a path: a folder of images NAME/<class>/<image>, of images "
        "and masks, or of images and targets.csv, a folder of IDX files, or an .npz file.",
        alias="-d",
    )
    data_dir: str = option(
        "datasets",
        "The folder in which datasets are looked up by name, and where generated ones are written.",
        resumable=True,
    )
    split: tuple[float, ...] = option(
        (0.7, 0.15, 0.15),
        "Train, dev and test: fractions (adding up to 1 or less) or whole numbers of samples; two values, or "
        "one, leave the rest empty. A dataset with its own test samples keeps them as the test partition: "
        "then the first two values divide its training samples.",
        minimum=0,
    )
    select: str = option(
        "", "Keep only these samples, such as 1,3,5-8: their numbers (ids) in the dataset, from 0, ends included."
    )
    data_seed: int = option(0, "Seed of the split, of the order of the batches and of the augmentation.", minimum=0)
    skip_bad_images: bool = option(False, "Go on without images that cannot be read, and count them.")
    cache_dir: str = option(
        "", "Where preprocessed arrays are kept; empty for .cache in the data folder, off for nowhere.", resumable=True
    )

    def check_together(self) -> None:
        if not self.dataset:
            raise OptionError("{dataset} is empty; give a dataset's name or a path")
        check_split(self.split)
        parse_select(self.select)


@dataclass(frozen=True, kw_only=True)
class PreprocessingOptions(OptionGroup):
    """What is done to every sample, once, in this order. Pixels of 0..255 become 0..1 first."""

    grayscale: bool = option(False, "Turn colours into one channel of brightness (ITU-R 601).")
    minmax: bool = option(False, "Stretch each image so that its darkest value is -1 and its brightest 1.")
    adaptive_invert: bool = option(
        False, "Invert images whose top-left pixel is dark, so that all are dark ink on light paper."
    )
    trim: bool = option(
        False, "Cut the border that has the top-left pixel's colour, then pad back to the old aspect ratio."
    )
    resize: tuple[int, ...] = option(
        (), "Height and width to bring every image to, such as 16,16; one number is the shorter side of each image."
    )
    antialias: bool = option(
        True, "Where resizing makes an image smaller let every pixel count, not only four around each place."
    )
    center_crop: tuple[int, ...] = option((), "Height and width to cut out of the middle; one number for both.")
    divide_by_max: bool = option(False, "Divide each image by its greatest value, as the authors of U²-Net do.")
    standardize: bool = option(False, "Shift and scale each image to mean 0 and standard deviation 1.")
    mean: tuple[float, ...] = option(
        (), "Subtract these, one a channel, from pixels of 0 to 1, such as 0.485,0.456,0.406; or one for all channels."
    )
    std: tuple[float, ...] = option(
        (), "Then divide by these, one a channel, such as 0.229,0.224,0.225; or one for all channels.", above=0
    )
    flatten: bool = option(False, "Give the model vectors instead of images.")

    def check_together(self) -> None:
        for name, one in (("resize", "or the shorter side"), ("center_crop", "or one number for both")):
            size = getattr(self, name)
            if size and (len(size) > 2 or min(size) < 1):
                must = f"it must be a height and a width of 1 or more, such as 16,16, {one}"
                raise OptionError(f"{{{name}}} is {{}}; {must}", ",".join(map(str, size)))
        if not self.antialias and len(self.resize) != 2:
            raise OptionError("{antialias:False} says how to resize; give {resize:HEIGHT,WIDTH}")
        if len({len(self.mean), len(self.std)} - {0, 1}) > 1:
            raise OptionError("{mean} has {} values and {std} {}; give one a channel", len(self.mean), len(self.std))


@dataclass(frozen=True, kw_only=True)
class AugmentationOptions(OptionGroup):
    """What is done at random to training samples, anew in each epoch, in this order."""

    clone: int = option(
        1, "Each training sample appears this many times an epoch, each time augmented by itself.", minimum=1
    )
    rotate: float = option(
        0.0,
        "Turn by an angle drawn from -ROTATE to ROTATE degrees; the image keeps its size, and what comes in "
        "at the corners has the top-left pixel's colour.",
        minimum=0,
        maximum=180,
        unit="degrees",
    )
    crop: int = option(
        0,
        "Pad by this many pixels on each side, with the top-left pixel's colour, and crop back to the old "
        "size at a place drawn at random: a shift of up to CROP pixels each way.",
        minimum=0,
        unit="pixels",
    )
    noise: float = option(
        0.0,
        "Standard deviation of Gaussian noise added to every value, in units of the preprocessed values.",
        minimum=0,
    )
    augment: tuple[str, ...] = option(
        (),
        "A further augmentation by name, with settings after commas, such as flip or cutout,size=8; repeatable.",
    )
