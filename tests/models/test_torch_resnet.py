"""Residual networks against a plain PyTorch module of the same names: every output, gradient and statistic.

Weights go from one to the other by name alone, as `--weights` loads what a module saved.
"""

from pathlib import Path

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.graph import Array, Arrays, Shape
from backproof.interchange import fit_weights, read_weights, write_weights
from backproof.models import build
from backproof.ops import SoftmaxCrossEntropy
from backproof.optim import SGD

torch = pytest.importorskip("torch")
nn = torch.nn

CLASSES = 5


class Basic(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int, stride_on: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = shortcut(inplanes, planes, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (h + (x if self.downsample is None else self.downsample(x))).relu()


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 beside a shortcut."""

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int, stride_on: str) -> None:
        super().__init__()
        first, second = (stride, 1) if stride_on == "conv1" else (1, stride)
        self.conv1 = nn.Conv2d(inplanes, planes, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, second, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.downsample = shortcut(inplanes, planes * 4, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        h = self.bn3(self.conv3(h))
        return (h + (x if self.downsample is None else self.downsample(x))).relu()


def shortcut(inplanes: int, planes: int, stride: int) -> nn.Module | None:
    if stride == 1 and inplanes == planes:
        return None
    return nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))


class ResNet(nn.Module):
    """As torchvision's, written anew: the same names, so a strict `load_state_dict` takes either one's weights."""

    def __init__(
        self, block: type[nn.Module], blocks: tuple[int, ...], channels: int, width: int, stem: str, stride_on: str
    ) -> None:
        super().__init__()
        small = stem == "small"
        self.conv1 = nn.Conv2d(channels, width, 3 if small else 7, 1 if small else 2, 1 if small else 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        inplanes, self.stages = width, len(blocks)
        for stage, count in enumerate(blocks):
            layers = []
            for i in range(count):
                planes = width * 2**stage
                layers.append(block(inplanes, planes, 2 if stage and not i else 1, stride_on))
                inplanes = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(inplanes, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


def make_module(seed: int, options: dict[str, object], channels: int) -> ResNet:
    """In float64, with random scales, shifts and statistics, because ones and zeros hide faults."""
    torch.manual_seed(seed)
    block = Bottleneck if options["bottleneck"] else Basic
    module = ResNet(
        block, options["blocks"], channels, options["width"], options["stem"], options["stride_on"]
    ).double()
    for name, value in module.state_dict().items():
        if value.ndim == 1:
            draw = torch.rand(value.shape, dtype=torch.float64)
            value.copy_(draw + 0.5 if name.endswith(("weight", "running_var")) else draw - 0.5)
    return module


def make_batch(seed: int, samples: int, *shape: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {"x": rng.standard_normal((samples, *shape)), "y": rng.integers(0, CLASSES, samples)}


def error(ours: Array, theirs: torch.Tensor) -> float:
    """max |a - b| relative to max |b|."""
    right = theirs.detach().numpy()
    assert ours.shape == right.shape
    return float(np.max(np.abs(ours - right)) / np.max(np.abs(right)))


def errors(engine: str, module: ResNet, graph_options: dict[str, object], batch: Arrays) -> dict[str, float]:
    """How far an engine is from the module in both modes, and after a step of SGD: everything, by what it is."""
    graph = build("resnet", Shape("N", *batch["x"].shape[1:]), CLASSES, graph_options)
    graph = graph.with_loss(SoftmaxCrossEntropy())
    state = {name: value.numpy().copy() for name, value in module.state_dict().items()}
    trainer = get_engine(engine).compile(graph, fit_weights(graph, state, "module"), dtype="float64")
    found: dict[str, float] = {}
    for training in (False, True):
        mode = "train" if training else "eval"
        x = torch.tensor(batch["x"], requires_grad=True)
        module.train(training).zero_grad()
        output = module(x)
        loss = nn.functional.cross_entropy(output, torch.from_numpy(batch["y"]))
        loss.backward()
        got = trainer.gradients(batch, Mode(training=training))
        forward = trainer.forward(batch, Mode(training=training))
        found[f"{mode} output"] = max(error(got.output, output), error(forward[graph.output], output))
        found[f"{mode} loss"] = abs(got.loss - loss.item()) / loss.item()
        found[f"{mode} gradient of x"] = error(got.inputs["x"], x.grad)
        for name, parameter in module.named_parameters():
            found[f"{mode} gradient of {name}"] = error(got.parameters[name], parameter.grad)
    for name, value in module.named_buffers():
        if not name.endswith("num_batches_tracked"):
            found[f"state {name}"] = error(got.state[name], value)
    trainer.train_step(batch, SGD(lr=0.01), Mode(training=True))
    torch.optim.SGD(module.parameters(), lr=0.01).step()
    after = trainer.parameters()
    for name, value in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            found[f"after a step {name}"] = error(after[name], value)
    return found


SMALL = {"blocks": (1, 1, 1, 1), "bottleneck": True, "width": 8, "stem": "imagenet", "stride_on": "conv2"}
RESNET18 = SMALL | {"blocks": (2, 2, 2, 2), "bottleneck": False, "width": 64}
RESNET101 = SMALL | {"blocks": (3, 4, 23, 3), "width": 64}


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("options", "shape"),
    [
        (SMALL, (3, 32, 32)),
        (SMALL, (1, 37, 37)),
        (SMALL | {"stride_on": "conv1"}, (3, 37, 50)),
        (SMALL | {"stem": "small"}, (1, 19, 16)),
        (SMALL | {"stem": "small", "bottleneck": False, "blocks": (2, 1, 2)}, (3, 11, 12)),
        (RESNET18, (3, 37, 37)),
    ],
    ids=["bottlenecks", "odd", "stride_on_conv1", "small_stem", "basic", "resnet18"],
)
def test_equal_to_pytorch(engine: str, options: dict[str, object], shape: tuple[int, ...]) -> None:
    found = errors(engine, make_module(0, options, shape[0]), options, make_batch(1, 4, *shape))
    assert {what: e for what, e in found.items() if not e <= 1e-9} == {}


def test_the_reference_engine_on_a_tiny_one() -> None:
    options = SMALL | {"blocks": (1, 1), "width": 2, "stem": "small"}
    found = errors("reference", make_module(0, options, 1), options, make_batch(1, 2, 1, 5, 4))
    assert {what: e for what, e in found.items() if not e <= 1e-9} == {}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize(("size", "samples"), [(32, 8), (37, 8), (96, 2), (224, 2)])
def test_resnet101_equal_to_pytorch(engine: str, size: int, samples: int) -> None:
    """Eight small images: at 32 px the last stage has one pixel, and of two values batch norm keeps but the sign."""
    found = errors(engine, make_module(0, RESNET101, 3), RESNET101, make_batch(1, samples, 3, size, size))
    assert {what: e for what, e in found.items() if not e <= 1e-9} == {}


def float32_errors(options: dict[str, object], batch: Arrays, training: bool) -> dict[str, tuple[float, float]]:
    """The NumPy engine's float32 error and PyTorch's own, both against PyTorch in float64, as |a - b| / |b|."""
    module = make_module(0, options, batch["x"].shape[1])
    graph = build("resnet", Shape("N", *batch["x"].shape[1:]), CLASSES, options).with_loss(SoftmaxCrossEntropy())
    state = {name: value.float().numpy() for name, value in module.state_dict().items()}  # rounding them is no error
    trainer = get_engine("numpy").compile(graph, fit_weights(graph, state, "module"), dtype="float32")
    batch = batch | {"x": batch["x"].astype(np.float32)}
    got = trainer.gradients(batch, Mode(training=training))
    results = [{"output": got.output, "gradient of x": got.inputs["x"], **got.parameters}]
    for dtype in (torch.float32, torch.float64):
        module.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
        module.to(dtype).train(training).zero_grad()
        x = torch.tensor(batch["x"], dtype=dtype, requires_grad=True)
        output = module(x)
        nn.functional.cross_entropy(output, torch.from_numpy(batch["y"])).backward()
        gradients = {name: p.grad.numpy().copy() for name, p in module.named_parameters()}
        results.append({"output": output.detach().numpy(), "gradient of x": x.grad.numpy(), **gradients})
    ours, theirs, right = results
    parts = {"output": ["output"], "gradient of x": ["gradient of x"], "gradients": [*right][2:]}

    def norm(arrays: Arrays, part: str, minus: Arrays | None = None) -> float:
        each = (np.linalg.norm(np.float64(arrays[n]) - (minus[n] if minus else 0)) for n in parts[part])
        return float(np.linalg.norm(list(each)))

    return {part: tuple(norm(a, part, right) / norm(right, part) for a in (ours, theirs)) for part in parts}


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_float32_is_as_exact_as_pytorchs(training: bool) -> None:
    """Few channels, where no convolution is Winograd's; and the output of ResNet-18, where most are."""
    for what, (ours, theirs) in float32_errors(SMALL, make_batch(1, 8, 3, 64, 64), training).items():
        assert ours <= 2 * theirs, (what, ours, theirs)
    ours, theirs = float32_errors(RESNET18, make_batch(1, 4, 3, 64, 64), training)["output"]
    assert ours <= 2 * theirs


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("size", "samples"), [(32, 8), (37, 8), (96, 4), (224, 2)])
def test_resnet101_in_float32_is_as_exact_as_pytorchs(size: int, samples: int, training: bool) -> None:
    """Of the output alone: a ReLU that rounding switches moves gradients by more than all rounding on the way."""
    ours, theirs = float32_errors(RESNET101, make_batch(1, samples, 3, size, size), training)["output"]
    assert ours <= 2 * theirs


def test_a_saved_state_dict_gives_the_modules_outputs(tmp_path: Path) -> None:
    module = make_module(3, SMALL, 3).eval()
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    batch = make_batch(4, 3, 3, 33, 40)
    graph = build("resnet", Shape("N", 3, 33, 40), CLASSES, SMALL)
    weights = fit_weights(graph, read_weights(tmp_path / "weights.pth"), "weights.pth")
    trainer = get_engine("numpy").compile(graph, weights, dtype="float64")
    assert error(trainer.forward({"x": batch["x"]})[graph.output], module(torch.from_numpy(batch["x"]))) <= 1e-9


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_module_takes_what_we_write(tmp_path: Path, suffix: str) -> None:
    module = make_module(5, SMALL, 3)
    graph = build("resnet", Shape("N", 3, 32, 32), CLASSES, SMALL)
    weights = fit_weights(graph, {n: v.numpy().copy() for n, v in module.state_dict().items()}, "module")
    write_weights(tmp_path / f"ours{suffix}", weights)
    other = make_module(6, SMALL, 3)
    if suffix == ".pth":
        state = torch.load(tmp_path / f"ours{suffix}", weights_only=True)
    else:
        from safetensors.torch import load_file

        state = load_file(tmp_path / f"ours{suffix}")
    other.load_state_dict(state, strict=True)
    for name, value in module.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
