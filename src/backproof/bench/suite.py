"""Fixed sets of experiments, so that figures of different machines and versions can be laid side by side."""

from collections.abc import Callable, Mapping, Sequence

from backproof.bench.benchmark import Watch
from backproof.bench.job import OpCase, TrainJob, available
from backproof.bench.measurement import Experiment
from backproof.bench.operations import operation_experiment
from backproof.bench.startup import startup_experiment
from backproof.bench.train import train_experiment
from backproof.errors import unknown

NETWORK = ("numpy", "numba", "pytorch", "pytorch-tuned")

MICRO = OpCase(op="Conv2d", attributes={"out_channels": 2, "kernel_size": 3, "padding": 3}, shapes=((8, 4, 3, 5),))
"""The classic micro-benchmark: 4 to 2 channels on 3x5 pixels, kernel 3, padding 3, batch of 8; what a call costs."""

MLP = TrainJob(model="neurose", input_shape=(1, 28, 28), classes=10, batch_size=64, samples=10_000)
LENET = TrainJob(model="lenet5", input_shape=(1, 28, 28), classes=10, batch_size=32, steps=10, optimizer="adam")
RESNET = TrainJob(model="resnet", input_shape=(3, 32, 32), classes=10, batch_size=16, steps=3, optimizer="adam")
RESNET_101 = TrainJob(model="resnet101", input_shape=(1, 32, 32), classes=10, batch_size=32, steps=1, optimizer="adam")
RESNET_101_COLOR = TrainJob(
    model="resnet101", input_shape=(3, 96, 96), classes=10, batch_size=8, steps=1, optimizer="adam"
)
WIDE = TrainJob(
    model="mlp",
    options={"layers": (100,), "activation": "leaky_relu", "batch_norm": True},
    input_shape=(3, 110, 110),
    classes=10,
    batch_size=593,
    steps=3,
    optimizer="adam",
)

Part = Callable[[Sequence[int], Watch | None], Experiment]
"""An experiment that waits for the threads and for whoever watches."""


def training(
    name: str,
    title: str,
    job: TrainJob,
    others: Sequence[str] = (),
    *,
    all_threads: bool = True,
    rounds: int = 3,
    **sizes: Sequence[int],
) -> Part:
    """A benchmark of training; `sizes` as in `train_experiment`."""

    def run(threads: Sequence[int], watch: Watch | None) -> Experiment:
        names = here((*NETWORK, *others))
        return train_experiment(
            job,
            names,
            against=baseline(names),
            threads=threads if all_threads else threads[:1],
            rounds=rounds,
            name=name,
            title=title,
            watch=watch,
            **sizes,
        )

    return run


def here(names: Sequence[str]) -> list[str]:
    """Those whose library is installed."""
    return [name for name in names if available(name)]


def baseline(names: Sequence[str]) -> str:
    """PyTorch, where it is installed."""
    return "pytorch" if "pytorch" in names else names[0]


def micro(threads: Sequence[int], watch: Watch | None) -> Experiment:
    """The classic micro-benchmark, against PyTorch and against loops."""
    names = here((*NETWORK, "reference"))
    return operation_experiment(
        (MICRO,),
        names,
        against=baseline(names),
        threads=threads[:1],
        rounds=5,
        name="micro",
        title="A tiny convolution",
        watch=watch,
    )


def startup(_: Sequence[int], watch: Watch | None) -> Experiment:
    """Import, help and first steps."""
    return startup_experiment(here(("numpy", "torch")), rounds=3, watch=watch)


SUITES: Mapping[str, Sequence[Part]] = {
    "classics": (
        training(
            "perceptron",
            "Perceptron 784-256-120-64-10",
            MLP,
            ("torch", "scikit-learn"),
            rounds=5,
            batch_sizes=(16, 64, 256),
        ),
        training("wide", "Wide input: 36300-100-BatchNorm-LeakyReLU-10, full batch of 593", WIDE, rounds=5),
        training("resnet101", "ResNet-101, images of 1x32x32, batch 32", RESNET_101),
        training("resnet101-color", "ResNet-101, images of 3x96x96, batch 8", RESNET_101_COLOR),
        micro,
        training("lenet5", "LeNet-5 over batch sizes", LENET, all_threads=False, batch_sizes=(8, 32, 128)),
        training("widths", "A small residual network over widths", RESNET, all_threads=False, widths=(16, 32, 64)),
        training("images", "A small residual network over images", RESNET, all_threads=False, image_sizes=(32, 48, 64)),
        training("depths", "A small residual network over depths", RESNET, all_threads=False, depths=(1, 2, 3)),
        startup,
    )
}


def suite(name: str) -> Sequence[Part]:
    """The experiments of a suite, in order. Raises `UserError` for an unknown one."""
    if name not in SUITES:
        raise unknown("suite", name, SUITES)
    return SUITES[name]
