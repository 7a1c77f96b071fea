"""What a user can choose about data: plain values, each checked where it is made."""

import math
from dataclasses import dataclass

from backproof.data.split import check_split, parse_select
from backproof.errors import UserError


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which samples are used, and how they are divided.

    Attributes
    ----------
    dataset
        A built-in name, a name under the data folder, or a path to a folder of images NAME/<class>/<image>,
        a folder of IDX files, or an .npz file.
    data_dir
        The folder in which datasets are looked up by name, and where generated ones are written.
    split
        Train, dev and test: fractions (adding up to 1 or less) or whole numbers of samples; two values, or one,
        leave the rest empty. A dataset with its own test samples keeps them as the test partition: then the
        first two values divide its training samples.
    select
        Keep only these samples, such as 1,3,5-8: their numbers (ids) in the dataset, from 0, ends included.
    data_seed
        Seed of the split, of the order of the batches and of the augmentation.
    skip_bad_images
        Go on without images that cannot be read, and count them.
    cache_dir
        Where preprocessed arrays are kept; empty for .cache in the data folder, off for nowhere.
    """

    dataset: str = "digits"
    data_dir: str = "datasets"
    split: tuple[float, ...] = (0.7, 0.15, 0.15)
    select: str = ""
    data_seed: int = 0
    skip_bad_images: bool = False
    cache_dir: str = ""

    def __post_init__(self) -> None:
        if not self.dataset:
            raise UserError("--dataset is empty; give a dataset's name or a path.")
        check_split(self.split)
        parse_select(self.select)
        if self.data_seed < 0:
            raise UserError(f"--data-seed is {self.data_seed}; it must be 0 or more.")


@dataclass(frozen=True, kw_only=True)
class PreprocessingOptions:
    """What is done to every sample, once, in this order. Pixels of 0..255 become 0..1 first.

    Attributes
    ----------
    grayscale
        Turn colours into one channel of brightness (ITU-R 601).
    minmax
        Stretch each image so that its darkest value is -1 and its brightest 1.
    adaptive_invert
        Invert images whose top-left pixel is dark, so that all are dark ink on light paper.
    trim
        Cut the border that has the top-left pixel's colour, then pad back to the old aspect ratio.
    resize
        Height and width to bring every image to, such as 16,16.
    standardize
        Shift and scale each image to mean 0 and standard deviation 1.
    flatten
        Give the model vectors instead of images.
    """

    grayscale: bool = False
    minmax: bool = False
    adaptive_invert: bool = False
    trim: bool = False
    resize: tuple[int, ...] = ()
    standardize: bool = False
    flatten: bool = False

    def __post_init__(self) -> None:
        if self.resize and (len(self.resize) != 2 or min(self.resize) < 1):
            given = ",".join(map(str, self.resize))
            raise UserError(f"--resize is {given}; it must be a height and a width of 1 or more, such as 16,16.")


@dataclass(frozen=True, kw_only=True)
class AugmentationOptions:
    """What is done at random to training samples, anew in each epoch, in this order.

    Attributes
    ----------
    clone
        Each training sample appears this many times an epoch, each time augmented by itself.
    rotate
        Turn by an angle drawn from -ROTATE to ROTATE degrees; the image keeps its size, and what comes in at
        the corners has the top-left pixel's colour.
    crop
        Pad by this many pixels on each side, with the top-left pixel's colour, and crop back to the old size at a
        place drawn at random: a shift of up to CROP pixels each way.
    noise
        Standard deviation of Gaussian noise added to every value, in units of the preprocessed values.
    """

    clone: int = 1
    rotate: float = 0.0
    crop: int = 0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.clone < 1:
            raise UserError(f"--clone is {self.clone}; it must be 1 or more.")
        if not 0 <= self.rotate <= 180:
            raise UserError(f"--rotate is {self.rotate:g}; it must be between 0 and 180 degrees.")
        if self.crop < 0:
            raise UserError(f"--crop is {self.crop}; it must be 0 or more pixels.")
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise UserError(f"--noise is {self.noise:g}; it must be 0 or more.")
