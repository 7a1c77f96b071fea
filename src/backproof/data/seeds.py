"""One source of randomness a purpose, all from the data seed."""

import numpy as np

SPLIT, SHUFFLE, AUGMENT, GENERATE = range(4)


def generator(data_seed: int, purpose: int, *where: int) -> np.random.Generator:
    """The random generator of one purpose at one place, such as (epoch, sample id, clone)."""
    return np.random.default_rng((data_seed, purpose, *where))
