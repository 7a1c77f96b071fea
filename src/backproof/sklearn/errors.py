"""Bad input, as the errors that scikit-learn expects."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from backproof.errors import UserError


class EstimatorError(UserError, ValueError):
    """A `UserError` that scikit-learn's tools know too: they take a `ValueError` for bad input."""


WORDS = (
    (r"\[\w+\] ", ""),  # the table of a run's TOML file
    (r"leave out flatten", "give input_shape=(channels, height, width)"),
    (r"give model_option (\w+)=VALUE", r"give model_options={'\1': ...}"),
    (r"\blast_batch=(\w+)", r"train_options={'last_batch': '\1'}"),
)
"""What a run says, and how the estimator says it."""


def in_words_of_the_estimator(sentence: str) -> str:
    """A sentence about a run, with the estimator's parameters for its options."""
    for pattern, words in WORDS:
        sentence = re.sub(pattern, words, sentence)
    return sentence


@contextmanager
def as_value_error() -> Iterator[None]:
    """Turn a `UserError` into an `EstimatorError` that speaks of the estimator's parameters."""
    try:
        yield
    except EstimatorError:
        raise
    except UserError as error:
        raise EstimatorError(in_words_of_the_estimator(str(error))) from error
