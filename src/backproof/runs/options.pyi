# Written by `python -m backproof.runs.stub` from the declarations of the options.
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from backproof.runs.spec import RunSpec

class Options(TypedDict, total=False):
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
    antialias: bool
    center_crop: Sequence[int]
    divide_by_max: bool
    standardize: bool
    mean: Sequence[float]
    std: Sequence[float]
    flatten: bool
    # augmentation
    clone: int
    rotate: float
    crop: int
    noise: float
    augment: Sequence[str]
    # model
    model: str
    use: Sequence[str]
    layers: Sequence[int] | None
    activation: str | None
    batch_norm: bool | None
    dropout: float | None
    model_option: Sequence[str]
    init: str
    weights: str
    weights_skip: Sequence[str]
    freeze: Sequence[str]
    loss: str
    loss_weights: Sequence[float]
    label_smoothing: float
    pos_weight: float
    model_seed: int
    # engine
    engine: str
    device: str
    dtype: Literal["float32", "float64"]
    threads: int
    winograd: bool
    memory: Literal["normal", "low"]
    # optimizer
    optimizer: str
    learning_rate: float | None
    weight_decay: float | None
    decay: Literal["coupled", "decoupled"] | None
    decay_all: bool | None
    epsilon: float | None
    initial_sum: float | None
    lr_decay: float | None
    beta1: float | None
    beta2: float | None
    final_lr: float | None
    bound_gamma: float | None
    momentum: float | None
    dampening: float | None
    alpha: float | None
    schedule: str
    warmup: float | None
    schedule_gamma: float | None
    schedule_every: float | None
    schedule_floor: float | None
    # training
    epochs: int
    batch_size: int | Literal["full"]
    last_batch: Literal["keep", "drop", "even"]
    metric: Sequence[str]
    eval_dev: bool
    follow: str
    early_stopping: int
    stop_early: bool
    keep_best: bool
    gradient_checks: Literal["off", "warn", "error", "pdb"]
    gradient_check_every: int
    check_against: str
    check_every: int
    check_against_action: Literal["warn", "error", "pdb"]
    anomaly_checks: Literal["off", "warn", "error", "pdb"]
    # output
    name: str
    runs_dir: str
    track_layer: Sequence[str]
    show_samples: int
    checkpoint_every: int
    dump_batches: str
    profile: bool
    debug: bool

def spec_from_options(options: Mapping[str, object]) -> RunSpec: ...
