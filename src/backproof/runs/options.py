"""All options of a run in one flat list, as on the command line: for `backproof.train(...)`."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Literal, TypedDict

from backproof.engines.base import DType
from backproof.errors import unknown
from backproof.runs.spec import Reaction, RunSpec
from backproof.runs.toml import spec_from_tables, table_types


class Options(TypedDict, total=False):
    """Every option of `RunSpec`'s tables by its own name. Sequences may be tuples or lists."""

    # data
    dataset: str
    data_dir: str
    split: Sequence[float]
    select: str
    data_seed: int
    skip_bad_images: bool
    cache_dir: str
    # preprocessing
    grayscale: bool
    minmax: bool
    adaptive_invert: bool
    trim: bool
    resize: Sequence[int]
    standardize: bool
    flatten: bool
    # augmentation
    clone: int
    rotate: float
    crop: int
    noise: float
    # model
    model: str
    layers: Sequence[int] | None
    activation: str | None
    batch_norm: bool | None
    dropout: float | None
    model_option: Sequence[str]
    init: str
    weights: str
    weights_skip: Sequence[str]
    loss: Literal["cross_entropy", "mse"]
    label_smoothing: float
    model_seed: int
    # engine
    engine: str
    device: str
    dtype: DType
    threads: int
    winograd: bool
    memory: Literal["normal", "low"]
    # optimizer
    optimizer: str
    learning_rate: float | None
    momentum: float | None
    dampening: float | None
    beta1: float | None
    beta2: float | None
    epsilon: float | None
    alpha: float | None
    final_lr: float | None
    bound_gamma: float | None
    initial_sum: float | None
    lr_decay: float | None
    weight_decay: float | None
    decay: Literal["coupled", "decoupled"] | None
    decay_all: bool
    schedule: str
    schedule_gamma: float
    schedule_every: float
    schedule_floor: float
    warmup: float
    # training
    epochs: int
    batch_size: int | Literal["full"]
    eval_dev: bool
    early_stopping: int
    stop_early: bool
    keep_best: bool
    gradient_checks: Reaction
    gradient_check_every: int
    check_against: str
    check_every: int
    check_against_action: Literal["warn", "error", "pdb"]
    health_checks: Reaction
    # output
    name: str
    runs_dir: str
    track_layer: Sequence[str]
    show_samples: int
    checkpoint_every: int
    dump_batches: str
    profile: bool
    debug: bool


def spec_from_options(options: Mapping[str, object]) -> RunSpec:
    """The specification with these options; the others have their defaults.

    Raises `UserError` for an unknown option, offering the nearest names, or a value of a wrong type.
    """
    table_of = {field.name: table for table, kind in table_types().items() for field in fields(kind)}
    tables: dict[str, dict[str, object]] = {}
    for name, value in options.items():
        if name not in table_of:
            raise unknown("option", name, table_of)
        tables.setdefault(table_of[name], {})[name] = value
    return spec_from_tables(tables)
