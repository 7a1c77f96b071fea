"""What a run is: a typed, immutable specification from which it can be repeated."""

from dataclasses import dataclass, field
from typing import Literal, get_type_hints

from backproof.data.batch_sizes import BatchSizes, LastBatch
from backproof.data.options import AugmentationOptions, DataOptions, PreprocessingOptions
from backproof.engines.base import DType
from backproof.errors import OptionError, UserError
from backproof.option import Declared, OptionGroup, option, options_of
from backproof.runs.optimizer import OptimizerOptions, optimizer_options

Reaction = Literal["off", "warn", "error", "pdb"]


@dataclass(frozen=True, kw_only=True)
class ModelOptions(OptionGroup):
    """Which network, and how its weights start. What is not given is the model's own default."""

    model: str = option(
        "mlp", "A registered model, path/to/file.py:function for your own, or path/to/file.onnx.", alias="-m"
    )
    use: tuple[str, ...] = option(
        (),
        "A Python file with parts of your own, or an installed package that has some; may be given many times.",
    )
    layers: tuple[int, ...] | None = option(None, "Widths of the hidden layers, such as 256,120.")
    activation: str | None = option(
        None,
        "Activation after each hidden layer: relu, leaky_relu, sigmoid, tanh, elu, gelu, silu, softplus, "
        "relu6 or hardtanh.",
    )
    batch_norm: bool | None = option(None, "Normalise each hidden layer over the batch.")
    dropout: float | None = option(None, "Probability that a hidden unit is dropped in training.")
    model_option: tuple[str, ...] = option(
        (), "Another option of the model, as KEY=VALUE; may be given many times; `backproof models` lists them."
    )
    init: str = option("kaiming_normal", "Initializer of the weights.")
    weights: str = option("", "Begin with the weights in this file: .safetensors, or a PyTorch state dict .pth.")
    weights_skip: tuple[str, ...] = option(
        (),
        "A layer, or what the names of some begin with, such as fc, that starts anew all the same; may be "
        "given many times. Of an .onnx file it is replaced where there are other classes.",
    )
    freeze: tuple[str, ...] = option(
        (), "Parameters that stay as they are, by name or pattern, such as 'layer1.*'; may be given many times."
    )
    loss: str = option(
        "",
        "What is minimised, the first if not given: for classes cross_entropy, nll, mse or hinge; for masks of classes "
        "cross_entropy, nll, dice or mse; for masks of probabilities bce, dice or mse; for numbers mse, l1 or "
        "smooth_l1.",
    )
    loss_weights: tuple[float, ...] = option(
        (),
        "How much the loss on each output counts, the main one first, where a network has several; else 1 each.",
        minimum=0,
    )
    label_smoothing: float = option(0.0, "Share of each target spread evenly over all classes; for cross_entropy.")
    pos_weight: float = option(
        1.0, "How much more a pixel of the foreground counts than one of the rest; for bce.", above=0
    )
    model_seed: int = option(0, "Seed of the initial weights and of dropout.")


@dataclass(frozen=True, kw_only=True)
class EngineOptions(OptionGroup):
    """Who computes."""

    engine: str = option("numpy", "numpy, reference, numba, torch or jax; `backproof engines` lists them.", alias="-e")
    device: str = option("cpu", "cpu, cuda, cuda:1 or mps, as the engine has them.")
    dtype: DType = option("float32", "float32, or float64 to check rather than to train.")
    threads: int = option(
        0, "Threads of the engine's linear algebra; 0 leaves it to the library.", minimum=1, zero="the library's choice"
    )
    winograd: bool = option(
        True, "Let numpy compute 3x3 convolutions by Winograd's way where it is faster; float32 is a little less exact."
    )
    memory: Literal["normal", "low"] = option(
        "normal",
        "normal, or low: numpy then keeps activations at checkpoints and computes the others twice, to the same bits.",
    )

    @property
    def settings(self) -> dict[str, bool | str]:
        """The engine's own settings, where they differ from its defaults."""
        usual = EngineOptions()
        return {
            name: getattr(self, name) for name in ("winograd", "memory") if getattr(self, name) != getattr(usual, name)
        }


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(OptionGroup):
    """How long, in what portions, and under whose eyes."""

    epochs: int = option(10, "Passes over the training samples.", minimum=0)
    batch_size: int | Literal["full"] = option(64, "Samples a step, or full.", minimum=1)
    last_batch: LastBatch = option(
        "keep",
        "The samples of an epoch that make no full batch: keep them as a smaller batch, drop them (others in each "
        "epoch), or even: as many batches as with keep, whose sizes differ by one at most.",
    )
    metric: tuple[str, ...] = option(
        (), "A metric of your own to measure too, as FILE.py:CLASS; may be given many times."
    )
    eval_dev: bool = option(True, "Measure the dev partition after each epoch.")
    follow: str = option(
        "",
        "Measure of dev by which the best epoch is chosen: cost if not given, loss, or a metric such as accuracy.",
    )
    early_stopping: int = option(
        0,
        "Mark the epoch from which what is followed has not improved for this many epochs; 0 for off.",
        minimum=1,
        unit="epochs",
        zero="off",
    )
    stop_early: bool = option(False, "End the run at that mark.")
    keep_best: bool = option(
        False, "Give back the weights of the best epoch, that of the lowest dev cost or of what is followed."
    )
    gradient_checks: Reaction = option(
        "off",
        "Compare the gradient with numerical differences, in float64 on the real minibatch: off, warn, error, or pdb "
        "to stop there in a debugger.",
        resumable=True,
    )
    gradient_check_every: int = option(100, "Steps between gradient checks.", minimum=1, unit="steps", resumable=True)
    check_against: str = option(
        "",
        "Follow the run in lockstep with this engine: it takes the same steps from the same weights on the same bytes; "
        "empty for off.",
        resumable=True,
    )
    check_every: int = option(1, "Steps between comparisons with that engine.", minimum=1, unit="steps", resumable=True)
    check_against_action: Literal["warn", "error", "pdb"] = option(
        "error",
        "What to do at the first difference that rounding does not explain: warn, error, or pdb.",
        resumable=True,
    )
    anomaly_checks: Reaction = option(
        "off",
        "Look for the first NaN or infinity in every node: off, warn, error, or pdb to stop there in a debugger.",
        alias="--health-checks",
        resumable=True,
    )

    def check_together(self) -> None:
        for name in ("stop_early", "keep_best"):
            if getattr(self, name) and not self.eval_dev:
                raise OptionError(f"{{{name}}} needs the dev cost; leave out {{eval_dev:False}}")
        if self.stop_early and not self.early_stopping:
            raise OptionError("{stop_early} needs {early_stopping:N}, the epochs to wait for a better dev cost")

    @property
    def samples_a_batch(self) -> int | None:
        """`batch_size`, None for all samples."""
        return None if self.batch_size == "full" else self.batch_size


@dataclass(frozen=True, kw_only=True)
class OutputOptions(OptionGroup):
    """What is kept. None of it changes the run."""

    name: str = option("", "Name of the run, and of its folder; made from model and engine if empty.")
    runs_dir: str = option("runs", "The folder that holds the runs.")
    track_layer: tuple[str, ...] = option(
        (), "Keep weights of a layer each epoch, as NAME,UNITS: the first UNITS output units; may be given many times."
    )
    show_samples: int = option(0, "Keep this many dev samples with the model's answer each epoch.", minimum=0)
    checkpoint_every: int = option(
        0,
        "Steps between checkpoints within an epoch; 0 for at the end of epochs, and every 30 seconds, only.",
        minimum=1,
        unit="steps",
        zero="off",
    )
    dump_batches: str = option(
        "", "A folder for what the model sees, as images: the first batch of each epoch; empty for off."
    )
    profile: bool = option(False, "Keep a flame graph of the first epoch and the time of each node.")
    debug: bool = option(False, "Write a detailed log beside the run and to the terminal.")


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

    def batch_sizes(self, train: int) -> BatchSizes:
        """Those of an epoch, of so many training samples."""
        samples = train * self.augmentation.clone
        return BatchSizes(samples, self.training.samples_a_batch, self.training.last_batch)


def tables() -> dict[str, dict[str, Declared]]:
    """The options of each table of `RunSpec`, by name; settings of all optimizers and schedules among them.

    Raises `UserError` if a user's optimizer or schedule gives a setting the name of another option.
    """
    known = {table: options_of(kind) for table, kind in get_type_hints(RunSpec).items() if table != "optimizer"}
    settings = optimizer_options()
    for table, options in known.items():
        for name in options.keys() & settings.keys():
            raise UserError(
                f"[{table}] has an option {name}; give the setting of {settings[name].option.help} another name"
            )
    return {table: known.get(table, settings) for table in get_type_hints(RunSpec)}
