"""What a contender is asked to do. A job is plain data, since it crosses from process to process as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from shutil import which
from typing import Any, ClassVar

import msgspec

from backproof.engines.base import DType
from backproof.engines.registry import ENGINES, installed
from backproof.errors import OptionError, unknown
from backproof.optim import OPTIMIZERS

PEERS: dict[str, str] = {
    "pytorch": "plain PyTorch, eager: the nn.Module that one would write by hand, autograd, torch.optim",
    "pytorch-tuned": "the same with channels_last images and the fused optimizer",
    "pytorch-compiled": "plain PyTorch's module after torch.compile; of inference alone",
    "scikit-learn": "MLPClassifier, solver sgd",
    "jax-scan": "the jax engine, an epoch in one call: a compiled loop over the batches, nothing seen in between",
}
"""Who runs beside our engines."""

LIBRARIES = {
    "pytorch": "torch",
    "pytorch-tuned": "torch",
    "pytorch-compiled": "torch",
    "scikit-learn": "sklearn",
    "jax-scan": "jax",
}
"""What peers import."""

COMPILERS = ("c++", "g++", "clang++")
"""One of which torch.compile calls."""

CONTENDERS: dict[str, str] = {name: f"backproof's {name} engine" for name in ENGINES} | PEERS
"""Everybody that can be timed."""


def available(contender: str) -> bool:
    """Whether the contender's library is installed, and the compiler that it calls."""
    if contender == "pytorch-compiled" and not any(map(which, COMPILERS)):
        return False
    return find_spec(LIBRARIES[contender]) is not None if contender in LIBRARIES else installed(contender)


TRAINED_BY = ("sgd", "momentum", "nesterov", "adam")
"""The optimizers whose formula is the same, decay and all, in our engines and in PyTorch."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all jobs say.

    Attributes:
        contender: one of `CONTENDERS`.
        threads: threads of the linear algebra.
        dtype: float32 for times; float64 where contenders are held against each other.
        seed: of data, weights and order.
    """

    kind: ClassVar[str]

    contender: str = "numpy"
    threads: int = 1
    dtype: DType = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.contender not in CONTENDERS:
            raise unknown("contender", self.contender, CONTENDERS)
        if self.threads < 1:
            raise OptionError("{threads} is {}; it must be 1 or more", self.threads)

    @property
    def settings(self) -> dict[str, int]:
        """What distinguishes this job from other jobs of the experiment, besides the contender."""
        return {"threads": self.threads}

    @property
    def label(self) -> str:
        """ "numpy, threads 1, batch size 64"."""
        return ", ".join([self.contender, *(f"{name} {value}" for name, value in self.settings.items())])

    def to_json(self) -> str:
        """One line of JSON."""
        return msgspec.json.encode({"kind": self.kind, **asdict(self)}).decode()


@dataclass(frozen=True, kw_only=True)
class TrainJob(Job):
    """Train a model on random samples.

    Attributes:
        model: a registered model, and its `options`.
        width: channels or units of the network, where the model has such an option; None: the model's own.
        depth: layers or blocks, likewise.
        input_shape: of a sample, such as (1, 28, 28).
        classes: number of classes.
        batch_size: samples a step.
        samples: samples an epoch.
        steps: steps a round, on one and the same batch, timed one by one; None: a round is an epoch.
        optimizer: one of `TRAINED_BY`, with its default settings.
    """

    kind: ClassVar[str] = "train"

    model: str
    input_shape: tuple[int, ...]
    classes: int
    batch_size: int
    options: dict[str, Any] = field(default_factory=dict)
    width: int | None = None
    depth: int | None = None
    samples: int = 50_000
    steps: int | None = None
    optimizer: str = "sgd"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.optimizer not in TRAINED_BY:
            raise unknown("optimizer of a benchmark", self.optimizer, TRAINED_BY)
        if self.batch_size < 1:
            raise OptionError("{batch_sizes} has {}; a batch has 1 sample or more", self.batch_size)
        if self.steps is not None and self.steps < 1:
            raise OptionError("{steps} is {}; it must be 1 or more", self.steps)
        if self.steps is None and self.samples < self.batch_size:
            raise OptionError("{samples} is {}; a batch of {} needs as many or more", self.samples, self.batch_size)

    @property
    def learning_rate(self) -> float:
        """The optimizer's default."""
        return OPTIMIZERS[self.optimizer]().lr

    @property
    def settings(self) -> dict[str, int]:
        """Threads, batch size, and the network's sizes."""
        sizes = {"batch size": self.batch_size, "width": self.width, "depth": self.depth}
        image = {"image size": self.input_shape[-1]} if len(self.input_shape) == 3 else {}
        return super().settings | {name: size for name, size in sizes.items() if size is not None} | image


@dataclass(frozen=True, kw_only=True)
class OpCase:
    """One operation on inputs of given shapes, batch included.

    Attributes:
        op: the operation's name, and its `attributes`.
        shapes: of its inputs.
        count: how often the network has it.
    """

    op: str
    attributes: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class OpJob(Job):
    """Compute each case forward and backward. Backward is timed whole, and to the weights alone."""

    kind: ClassVar[str] = "op"

    cases: tuple[OpCase, ...]


@dataclass(frozen=True, kw_only=True)
class InferJob(Job):
    """Answer a batch of random images: bytes in, the likeliest class out.

    Attributes:
        model: what it is called.
        graph: a file that holds the network, without a loss.
        weights: a file of weights.
        batch_size: images at once.
    """

    kind: ClassVar[str] = "infer"

    model: str
    graph: str
    weights: str
    batch_size: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size < 1:
            raise OptionError("{batch_sizes} has {}; a batch has 1 sample or more", self.batch_size)

    @property
    def settings(self) -> dict[str, int]:
        """Threads and batch size."""
        return super().settings | {"batch size": self.batch_size}


KINDS: Mapping[str, type[Job]] = {job.kind: job for job in (TrainJob, OpJob, InferJob)}


def job_from_json(text: str) -> Job:
    """What `Job.to_json` wrote."""
    content = msgspec.json.decode(text)
    return msgspec.convert(content, KINDS[content.pop("kind")])
