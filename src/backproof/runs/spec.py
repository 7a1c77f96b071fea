"""What a run is: a typed, immutable specification from which it can be repeated."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from backproof.data.options import AugmentationOptions, DataOptions, PreprocessingOptions
from backproof.engines.base import DType
from backproof.errors import UserError

Reaction = Literal["off", "warn", "error", "pdb"]


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Which network, and how its weights start. What is not given is the model's own default.

    Attributes
    ----------
    model
        A registered model, or path/to/file.py:function for your own.
    layers
        Widths of the hidden layers, such as 256,120.
    activation
        Activation after each hidden layer: relu, leaky_relu, sigmoid, tanh, elu, gelu, silu, softplus, relu6 or
        hardtanh.
    batch_norm
        Normalise each hidden layer over the batch.
    dropout
        Probability that a hidden unit is dropped in training.
    model_option
        Another option of the model, as KEY=VALUE; may be given many times; `backproof models` lists them.
    init
        Initializer of the weights.
    weights
        Begin with the weights in this file: .safetensors, or a PyTorch state dict .pth.
    weights_skip
        A layer, or what the names of some begin with, such as fc, that starts anew all the same; may be given many
        times.
    loss
        What is minimised: cross_entropy or mse.
    label_smoothing
        Share of each target spread evenly over all classes; for cross_entropy.
    model_seed
        Seed of the initial weights and of dropout.
    """

    model: str = "mlp"
    layers: tuple[int, ...] | None = None
    activation: str | None = None
    batch_norm: bool | None = None
    dropout: float | None = None
    model_option: tuple[str, ...] = ()
    init: str = "kaiming_normal"
    weights: str = ""
    weights_skip: tuple[str, ...] = ()
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    label_smoothing: float = 0.0
    model_seed: int = 0


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Who computes.

    Attributes
    ----------
    engine
        numpy, reference, numba, torch or jax; `backproof engines` lists them.
    device
        cpu, cuda, cuda:1 or mps, as the engine has them.
    dtype
        float32, or float64 to check rather than to train.
    threads
        Threads of the engine's linear algebra; 0 leaves it to the library.
    winograd
        Let numpy compute 3x3 convolutions by Winograd's way where it is faster; float32 is a little less exact.
    memory
        normal, or low: numpy then keeps activations at checkpoints and computes the others twice, to the same bits.
    """

    engine: str = "numpy"
    device: str = "cpu"
    dtype: DType = "float32"
    threads: int = 0
    winograd: bool = True
    memory: Literal["normal", "low"] = "normal"

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise UserError(f"--threads is {self.threads}; it must be 1 or more, or 0 for the library's choice.")

    @property
    def settings(self) -> dict[str, bool | str]:
        """The engine's own settings, where they differ from its defaults."""
        usual = EngineOptions()
        return {
            name: getattr(self, name) for name in ("winograd", "memory") if getattr(self, name) != getattr(usual, name)
        }


@dataclass(frozen=True, kw_only=True)
class OptimizerOptions:
    """How weights move. What is not given is the optimizer's own default; times are in epochs.

    Attributes
    ----------
    optimizer
        sgd, momentum, nesterov, adam, adamw, amsgrad, adabound, amsbound, rmsprop, centeredrmsprop or adagrad.
    learning_rate
        Learning rate before the schedule.
    momentum
        Of momentum, nesterov and centeredrmsprop.
    dampening
        Of momentum: share of the gradient that the velocity leaves out.
    beta1
        Of the Adam family.
    beta2
        Of the Adam family.
    epsilon
        Of the Adam family, rmsprop, centeredrmsprop and adagrad.
    alpha
        Of rmsprop and centeredrmsprop.
    final_lr
        Of adabound and amsbound: the rate of the SGD they turn into.
    bound_gamma
        Of adabound and amsbound: how fast the bounds close.
    initial_sum
        Of adagrad: what the sum of squares starts at.
    lr_decay
        Of adagrad: the learning rate is divided by 1 plus this times the steps taken.
    weight_decay
        Strength of weight decay.
    decay
        coupled (L2, part of the cost) or decoupled (AdamW's).
    decay_all
        Decay biases, scales and shifts too.
    schedule
        constant, exponential, step or cosine.
    schedule_gamma
        What exponential and step multiply the rate by.
    schedule_every
        Epochs after which exponential and step have multiplied the rate once.
    schedule_floor
        Share of the learning rate at which cosine ends.
    warmup
        Epochs of linear warm-up.
    """

    optimizer: str = "sgd"
    learning_rate: float | None = None
    momentum: float | None = None
    dampening: float | None = None
    beta1: float | None = None
    beta2: float | None = None
    epsilon: float | None = None
    alpha: float | None = None
    final_lr: float | None = None
    bound_gamma: float | None = None
    initial_sum: float | None = None
    lr_decay: float | None = None
    weight_decay: float | None = None
    decay: Literal["coupled", "decoupled"] | None = None
    decay_all: bool = False
    schedule: str = "constant"
    schedule_gamma: float = 0.1
    schedule_every: float = 30.0
    schedule_floor: float = 0.0
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.schedule_gamma < inf:
            raise UserError(f"--schedule-gamma is {self.schedule_gamma}; it must be 0 or more.")
        if not 0 < self.schedule_every < inf:
            raise UserError(f"--schedule-every is {self.schedule_every}; it must be above 0 epochs.")
        if not 0 <= self.schedule_floor <= 1:
            raise UserError(f"--schedule-floor is {self.schedule_floor}; it must be between 0 and 1.")
        if not 0 <= self.warmup < inf:
            raise UserError(f"--warmup is {self.warmup}; it must be 0 or more epochs.")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How long, in what portions, and under whose eyes.

    Attributes
    ----------
    epochs
        Passes over the training samples.
    batch_size
        Samples a step, or full.
    eval_dev
        Measure the dev partition after each epoch.
    early_stopping
        Mark the epoch from which the dev cost has not improved for this many epochs; 0 for off.
    stop_early
        End the run at that mark.
    keep_best
        Give back the weights of the epoch with the lowest dev cost.
    gradient_checks
        Compare the gradient with numerical differences, in float64 on the real minibatch: off, warn, error or pdb.
    gradient_check_every
        Steps between gradient checks.
    check_against
        Compare with this engine in lockstep: the same steps from the same weights on the same bytes; empty for off.
    check_every
        Steps between comparisons with that engine.
    check_against_action
        What to do at the first difference that rounding does not explain: warn, error or pdb.
    health_checks
        Look for the first NaN or infinity in every node: off, warn, error, or pdb to stop there in a debugger.
    """

    epochs: int = 10
    batch_size: int | Literal["full"] = 64
    eval_dev: bool = True
    early_stopping: int = 0
    stop_early: bool = False
    keep_best: bool = False
    gradient_checks: Reaction = "off"
    gradient_check_every: int = 100
    check_against: str = ""
    check_every: int = 1
    check_against_action: Literal["warn", "error", "pdb"] = "error"
    health_checks: Reaction = "off"

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise UserError(f"--epochs is {self.epochs}; it must be 0 or more.")
        if self.batch_size != "full" and self.batch_size < 1:
            raise UserError(f"--batch-size is {self.batch_size}; it must be 1 or more, or full.")
        if self.early_stopping < 0:
            raise UserError(f"--early-stopping is {self.early_stopping}; it must be 1 or more epochs, or 0 for off.")
        if self.gradient_check_every < 1:
            raise UserError(f"--gradient-check-every is {self.gradient_check_every}; it must be 1 or more steps.")
        if self.check_every < 1:
            raise UserError(f"--check-every is {self.check_every}; it must be 1 or more steps.")
        for option, given in (("stop-early", self.stop_early), ("keep-best", self.keep_best)):
            if given and not self.eval_dev:
                raise UserError(f"--{option} needs the dev cost; leave out --no-eval-dev.")
        if self.stop_early and not self.early_stopping:
            raise UserError("--stop-early needs --early-stopping N, the epochs to wait for a better dev cost.")


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is kept. None of it changes the run.

    Attributes
    ----------
    name
        Name of the run, and of its folder; made from model and engine if empty.
    runs_dir
        The folder that holds the runs.
    track_layer
        Keep weights of a layer each epoch, as NAME,UNITS: the first UNITS output units; may be given many times.
    show_samples
        Keep this many dev samples with the model's answer each epoch.
    checkpoint_every
        Steps between checkpoints within an epoch; 0 for at the end of epochs, and every 30 seconds, only.
    dump_batches
        A folder for what the model sees, as images: the first batch of each epoch; empty for off.
    profile
        Keep a flame graph of the first epoch and the time of each node.
    debug
        Write a detailed log beside the run and to the terminal.
    """

    name: str = ""
    runs_dir: str = "runs"
    track_layer: tuple[str, ...] = ()
    show_samples: int = 0
    checkpoint_every: int = 0
    dump_batches: str = ""
    profile: bool = False
    debug: bool = False


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that decides a run's result, and what is kept of it. Its fields are the tables of the TOML file."""

    data: DataOptions = field(default_factory=DataOptions)
    preprocessing: PreprocessingOptions = field(default_factory=PreprocessingOptions)
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    engine: EngineOptions = field(default_factory=EngineOptions)
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
