"""`backproof bench`: time engines, PyTorch and scikit-learn side by side."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from backproof.cli.lists import Numbers, Texts
from backproof.cli.options import Table, with_options
from backproof.errors import UserError
from backproof.infer.options import LoadingOptions
from backproof.option import options_of

if TYPE_CHECKING:
    from backproof.bench import Experiment

INFERENCE = ("numpy", "numba", "torch", "jax", "onnxruntime", "pytorch", "pytorch-tuned", "pytorch-compiled")
"""Who is timed in inference unless said otherwise; the reference engine would take minutes."""

app = App(name="bench", help="Time engines against each other, and against plain PyTorch and scikit-learn.")

Against = Annotated[str, Parameter(help="The contender to which ratios are given.")]
BatchSize = Annotated[int, Parameter(help="Samples a batch.")]
ModelName = Annotated[str, Parameter(alias="-m", help="A registered model, or an .onnx file; its samples are random.")]
ModelOption = Annotated[Texts, Parameter(help="Options of the model, KEY=VALUE.")]
Output = Annotated[Path | None, Parameter(alias="-o", help="A JSON file for everything measured.")]
Page = Annotated[Path | None, Parameter(help="An HTML file with figures.")]
Rounds = Annotated[int, Parameter(help="Rounds that count, after one of warm-up.")]
Threads = Annotated[Numbers, Parameter(help="Threads of the linear algebra, each a benchmark of its own.")]


@app.command
def train(
    *,
    model: ModelName = "neurose",
    model_option: ModelOption = (),
    optimizer: str = "sgd",
    contenders: str = "numpy,torch,pytorch,pytorch-tuned",
    against: Against = "pytorch",
    batch_sizes: Numbers = (16, 64, 256),
    widths: Numbers = (),
    depths: Numbers = (),
    image_sizes: Numbers = (),
    threads: Threads = (1, 2),
    rounds: Rounds = 5,
    steps: int | None = None,
    samples: int = 50_000,
    input_shape: Numbers | None = None,
    classes: int | None = None,
    output: Output = None,
    page: Page = None,
) -> None:
    """Time training: each contender in a process of its own, in turn. A round is an epoch, or --steps steps.

    Contenders start from the same weights; nothing is timed if their outputs, gradients or losses differ.

    Parameters
    ----------
    optimizer
        sgd, momentum, nesterov or adam, each with its default settings.
    contenders
        Any engine, pytorch (hand-written, eager), pytorch-tuned (channels_last, fused optimizer), scikit-learn.
    batch_sizes
        Samples a step, each a benchmark of its own.
    widths
        Units or channels of the network, each a benchmark of its own.
    depths
        Layers, or blocks a stage, each a benchmark of its own.
    image_sizes
        Height and width of the samples, each a benchmark of its own.
    steps
        Time so many single steps a round, on one batch, instead of epochs: for large networks.
    samples
        Samples an epoch.
    input_shape
        Shape of a sample; 1,28,28 if not given, or what an .onnx file takes.
    classes
        Number of classes; 10 if not given, or what an .onnx file puts out.
    """
    from backproof.bench import TrainJob, train_experiment
    from backproof.graph import Shape
    from backproof.models import classes_of_file, is_onnx_file, read_options

    sample = _input_of(model, input_shape, (1, 28, 28))
    job = TrainJob(
        model=model,
        options=read_options(model_option),
        input_shape=sample,
        classes=classes or (classes_of_file(model, Shape("N", *sample)) if is_onnx_file(model) else 10),
        batch_size=max(batch_sizes, default=0),
        samples=samples,
        steps=steps,
        optimizer=optimizer,
    )
    start = perf_counter()
    experiment = train_experiment(
        job,
        contenders.split(","),
        against=against,
        threads=threads,
        batch_sizes=batch_sizes,
        widths=widths,
        depths=depths,
        image_sizes=image_sizes,
        rounds=rounds,
        watch=_report_round,
    )
    _show([experiment], start, output, page)


def _input_of(model: str, given: tuple[int, ...] | None, usual: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a sample: as given, as the model's file has it, or the usual one."""
    from backproof.models import input_of_file, is_onnx_file

    return given or (input_of_file(model) if is_onnx_file(model) else usual)


@app.command
def op(
    operation: str = "Conv2d",
    /,
    *,
    model: ModelName = "resnet101",
    model_option: ModelOption = (),
    input_shape: Numbers | None = None,
    batch_size: BatchSize = 16,
    shape: Texts = (),
    attribute: Texts = (),
    contenders: str = "numpy,pytorch,pytorch-tuned",
    against: Against = "pytorch",
    threads: Threads = (1,),
    rounds: Rounds = 5,
    output: Output = None,
    page: Page = None,
) -> None:
    """Time one operation forward, backward to its input and to its weights, over the shapes that a model has.

    Speed is given in GFLOP/s, and as a share of what one large matrix product reaches in the same processes.

    Parameters
    ----------
    operation
        Its name, such as Conv2d, Linear, BatchNorm, MaxPool2d, ReLU.
    input_shape
        Shape of the model's samples; 3,96,96 if not given, or what an .onnx file takes.
    shape
        Shapes of the operation's inputs, batch included, such as 8,4,3,5, instead of a model's.
    attribute
        Attributes of the operation for --shape, KEY=VALUE, such as out_channels=2 kernel_size=3 padding=3.
    contenders
        Who runs: numpy, numba, reference, pytorch (N,C,H,W), pytorch-tuned (channels_last).
    """
    from backproof.bench import OpCase, operation_experiment
    from backproof.bench.cases import cases_of, require_operation
    from backproof.models import read_options

    require_operation(operation)
    if shape:
        cases = [OpCase(op=operation, attributes=_attributes(attribute), shapes=tuple(map(_shape, shape)))]
    elif attribute:
        raise UserError("--attribute goes with --shape; without it the shapes and attributes are the model's")
    elif batch_size < 1:
        raise UserError(f"--batch-size is {batch_size}; it must be 1 or more")
    else:
        cases = cases_of(
            model, operation, _input_of(model, input_shape, (3, 96, 96)), batch_size, read_options(model_option)
        )
    start = perf_counter()
    names = contenders.split(",")
    experiment = operation_experiment(
        cases, names, against=against, threads=threads, rounds=rounds, watch=_report_round
    )
    _show([experiment], start, output, page)


@app.command
@with_options(network=options_of(LoadingOptions))
def infer(
    model: str,
    /,
    *,
    contenders: str = "",
    against: Against = "",
    batch_sizes: Numbers = (1, 32),
    threads: Threads = (1,),
    rounds: Rounds = 5,
    output: Output = None,
    page: Page = None,
    network: Table | None = None,
) -> None:
    """Time answers, from the bytes of images to the likeliest classes: latency of one image, and how many a second.

    Each contender is in a process of its own, in turn; nothing is timed if their outputs differ.

    Parameters
    ----------
    model
        A run, an .onnx file, or a registered model with --input and --classes, whose weights may be random.
    contenders
        Any engine, pytorch (hand-written, eager), pytorch-tuned (channels_last), pytorch-compiled (torch.compile);
        all that are installed but reference if not given.
    against
        The contender to which ratios are given; pytorch, or else the first, if not given.
    batch_sizes
        Images at once, each a benchmark of its own.
    """
    from tempfile import TemporaryDirectory

    from backproof.bench import InferJob, infer_experiment
    from backproof.bench.suite import baseline, here
    from backproof.infer.start import load_with
    from backproof.interchange import write_weights

    loaded = load_with(model, LoadingOptions(**network or {}))
    names = contenders.split(",") if contenders else here(INFERENCE)
    start = perf_counter()
    with TemporaryDirectory(prefix="backproof-bench-") as folder:
        graph, weights = Path(folder) / "graph.json", Path(folder) / "weights.safetensors"
        graph.write_text(loaded.graph.to_json())
        write_weights(weights, loaded.parameters)
        experiment = infer_experiment(
            InferJob(model=loaded.name, graph=str(graph), weights=str(weights)),
            names,
            against=against or baseline(names),
            threads=threads,
            batch_sizes=batch_sizes,
            rounds=rounds,
            watch=_report_round,
        )
    _show([experiment], start, output, page)


@app.command
def data(
    dataset: str = "digits",
    /,
    *,
    data_dir: str = "datasets",
    grayscale: bool = False,
    trim: bool = False,
    resize: Numbers = (),
    standardize: bool = False,
    rotate: float = 0.0,
    crop: int = 0,
    noise: float = 0.0,
    batch_size: BatchSize = 64,
    rounds: Rounds = 5,
    output: Output = None,
    page: Page = None,
) -> None:
    """Time the data pipeline in images a second: reading and preprocessing, the cache, batches, augmentation.

    Options are those of `backproof train`. Each round has processes of its own, and an empty cache at first.

    Parameters
    ----------
    dataset
        A name from `backproof data list`, or a path.
    """
    from backproof.bench.data import data_experiment
    from backproof.data import AugmentationOptions, DataOptions, PreprocessingOptions

    start = perf_counter()
    experiment = data_experiment(
        DataOptions(dataset=dataset, data_dir=data_dir),
        PreprocessingOptions(grayscale=grayscale, trim=trim, resize=resize, standardize=standardize),
        AugmentationOptions(rotate=rotate, crop=crop, noise=noise),
        batch_size=batch_size,
        rounds=rounds,
        watch=_report_round,
    )
    _show([experiment], start, output, page)


@app.command
def startup(*, engines: str = "", rounds: Rounds = 5, output: Output = None, page: Page = None) -> None:
    """Time `import backproof`, `--help`, and the way to a first training step, each in fresh processes.

    Parameters
    ----------
    engines
        Engines whose first step is timed, with commas between them; all that are installed if left out.
    """
    from backproof.bench.startup import installed_engines, startup_experiment
    from backproof.engines.registry import require_entry

    start = perf_counter()
    names = engines.split(",") if engines else installed_engines()
    for name in names:
        require_entry(name)
    _show([startup_experiment(names, rounds=rounds, watch=_report_round)], start, output, page)


@app.command(name="suite")
def run_suite(
    name: str = "classics",
    /,
    *,
    threads: Threads = (1, 2),
    output: Annotated[Path, Parameter(alias="-o", help="A JSON file; it grows with every experiment.")] = Path(
        "bench.json"
    ),
    page: Annotated[Path, Parameter(help="An HTML file with figures.")] = Path("bench.html"),
) -> None:
    """Run a fixed set of benchmarks, about 15 minutes on two cores; write a JSON file and a page with figures.

    `backproof bench --suite classics` does the same.

    Parameters
    ----------
    name
        classics: a perceptron, ResNet-101, a very wide input, a tiny convolution, networks of many sizes, start-up.
    """
    from backproof.bench.suite import suite as experiments_of

    start, found = perf_counter(), []
    for run in experiments_of(name):
        found.append(run(threads, _report_round))
        _show(found[-1:], start, None, None)
        _keep(found, start, output, page)


@app.default
def default(*, suite: str | None = None, threads: Threads = (1, 2)) -> None:
    """Time engines against each other, and against plain PyTorch and scikit-learn.

    Parameters
    ----------
    suite
        Run a fixed set of benchmarks, such as classics: `backproof bench suite` with its own options.
    """
    if suite is None:
        app.help_print()
    else:
        run_suite(suite, threads=threads)


@app.command
def page(results: Path, /, output: Annotated[Path | None, Parameter(alias="-o")] = None) -> None:
    """Write the page of a JSON file that a benchmark wrote before.

    Parameters
    ----------
    results
        The JSON file.
    output
        The HTML file; by default beside the JSON file, with its name.
    """
    from backproof.bench import Result
    from backproof.view.bench_page import write_bench_page

    print(f"figures are in {write_bench_page(Result.read(results), output or results.with_suffix('.html'))}")


def _attributes(texts: Sequence[str]) -> dict[str, object]:
    from backproof.models import read_options

    for text in texts:
        if "=" not in text:
            raise UserError(f"--attribute is '{text}'; it must be KEY=VALUE, such as kernel_size=3")
    return read_options(texts)


def _shape(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise UserError(f"--shape is '{text}'; it must be whole numbers above 0, batch first, such as 8,4,3,5")
    return tuple(map(int, numbers))


def _show(experiments: "Sequence[Experiment]", start: float, output: Path | None, page: Path | None) -> None:
    """Tables now; files where they are wanted."""
    from backproof.bench.tables import facts, tables
    from backproof.view.terminal import print_table, standard_console

    out = standard_console()
    for experiment in experiments:
        out.print(f"\n[bold]{experiment.title}[/bold]\n{experiment.note}\n{facts(experiment)}", highlight=False)
        for table in tables(experiment):
            out.print()
            print_table(table, out)
    _keep(experiments, start, output, page)


def _keep(experiments: "Sequence[Experiment]", start: float, output: Path | None, page: Path | None) -> None:
    from backproof.bench import Result
    from backproof.bench.result import versions
    from backproof.runs.environment import environment

    if output is None and page is None:
        return
    surroundings = environment("numpy") | {"versions": versions()}
    result = Result(environment=surroundings, experiments=list(experiments), seconds=perf_counter() - start)
    if output is not None:
        result.write(output)
        print(f"all measurements are in {output}")
    if page is not None:
        from backproof.view.bench_page import write_bench_page

        print(f"figures are in {write_bench_page(result, page)}")


def _report_round(who: str, number: int, seconds: float) -> None:
    """A line a round: a benchmark takes minutes."""
    stage = "warm-up" if number == 0 else f"round {number}"
    print(f"{stage:8}  {seconds:8.3f} s  {who}", flush=True)
