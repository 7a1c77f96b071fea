"""Networks exported by PyTorch, by both of its exporters: what they compute, and what they learn, is PyTorch's."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof import engines
from backproof.engines.base import Mode
from backproof.graph import Shape
from backproof.interchange.network import Network
from backproof.interchange.onnx import read_onnx
from backproof.ops import SoftmaxCrossEntropy
from backproof.optim import SGD

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

CLASSES, LEARNING_RATE = 5, 0.05


def small_convnet() -> Any:
    """Convolution, normalisation, pooling, a residual branch, a layer."""
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
            self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.BatchNorm2d(8)
            self.fc = nn.Linear(8 * 16, CLASSES)

        def forward(self, x: Any) -> Any:
            h = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
            h = h + nn.functional.silu(self.bn2(self.conv2(h)))
            return self.fc(torch.flatten(nn.functional.avg_pool2d(h, 2), 1))

    return Net()


def gpt() -> Any:
    """A GPT of two blocks: embeddings, causal attention, gelu; the last position says the class."""
    nn, width, heads, length = torch.nn, 16, 2, 6

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.fc, self.out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.register_buffer("mask", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

        def forward(self, x: Any) -> Any:
            n, t, c = x.shape
            parts = self.qkv(self.ln1(x)).split(c, dim=2)
            q, k, v = (part.view(n, t, heads, c // heads).transpose(1, 2) for part in parts)
            scores = (q @ k.transpose(-2, -1)) * (c // heads) ** -0.5
            weights = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf")).softmax(-1)
            x = x + self.proj((weights @ v).transpose(1, 2).contiguous().view(n, t, c))
            return x + self.out(nn.functional.gelu(self.fc(self.ln2(x)), approximate="tanh"))

    class Gpt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(11, width), nn.Embedding(length, width)
            self.blocks, self.ln = nn.ModuleList([Block(), Block()]), nn.LayerNorm(width)
            self.head = nn.Linear(width, CLASSES, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.ln(x)[:, -1])

    return Gpt()


def _torchvision(name: str, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        models = pytest.importorskip("torchvision").models
        return getattr(models, name)(num_classes=CLASSES, **options)

    return make


def vit() -> Any:
    """torchvision's vision transformer, small."""
    models = pytest.importorskip("torchvision").models
    return models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=CLASSES)


def efficientnet() -> Any:
    """torchvision's EfficientNet-B0, without what is random in training."""
    return _torchvision("efficientnet_b0", dropout=0.0, stochastic_depth_prob=0.0)()


QUICK: dict[str, Callable[[], Any]] = {"convnet": small_convnet, "gpt": gpt}
LARGE: dict[str, Callable[[], Any]] = {
    "resnet18": _torchvision("resnet18"),
    "mobilenet_v3_small": _torchvision("mobilenet_v3_small", dropout=0.0),
    "efficientnet_b0": efficientnet,
    "densenet121": _torchvision("densenet121"),
    "vit": vit,
}
CASES = [
    *((name, False) for name in QUICK),
    ("convnet", True),
    pytest.param("gpt", True, marks=pytest.mark.slow),  # that exporter takes its time
    *(pytest.param(name, dynamo, marks=pytest.mark.slow) for name in LARGE for dynamo in (False, True)),
]


def module_of(name: str) -> Any:
    """The module, its weights unequal to each other, since exporters merge those that are equal."""
    torch.manual_seed(0)
    module = (QUICK | LARGE)[name]()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.dtype.is_floating_point and tensor.ndim == 1:
                tensor += 0.1 * torch.rand_like(tensor)
    return module


def inputs_of(name: str, count: int) -> Any:
    size = {"convnet": 16, "vit": 32}.get(name, 64)
    return torch.randint(0, 11, (count, 6)) if name == "gpt" else torch.randn(count, 3, size, size)


def export(module: Any, x: Any, path: Path, *, dynamo: bool, for_training: bool) -> None:
    """As PyTorch writes it; `for_training` without merging normalisation into convolutions."""
    options: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"], "opset_version": 18, "dynamo": dynamo}
    if dynamo:
        merges = any(isinstance(part, torch.nn.BatchNorm2d) for part in module.modules())
        options |= {"dynamic_shapes": ({0: torch.export.Dim.DYNAMIC},), "optimize": not (for_training and merges)}
    else:
        mode = torch.onnx.TrainingMode
        options |= {"dynamic_axes": {"x": {0: "n"}}, "training": mode.PRESERVE if for_training else mode.EVAL}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (x,), path, verbose=False, **options)


def forward(network: Network, x: Any, dtype: Any) -> Any:
    predictor = engines.get_engine("numpy").compile(network.graph, network.parameters, dtype=dtype)
    return predictor.forward({"x": x})[network.graph.output]


@pytest.mark.parametrize(("name", "dynamo"), CASES)
def test_an_exported_network_computes_as_onnxruntime_does(name: str, dynamo: bool, tmp_path: Path) -> None:
    module, x, path = module_of(name), inputs_of(name, 3), tmp_path / "net.onnx"
    export(module, x, path, dynamo=dynamo, for_training=False)
    network = read_onnx(path)
    assert network.graph.inputs[0].shape == Shape("N", *x.shape[1:])
    expected = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x.numpy()})[0]
    found = forward(network, x.numpy(), "float32")
    assert np.abs(found - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize(("name", "dynamo"), CASES)
def test_an_exported_network_learns_as_pytorch_does(name: str, dynamo: bool, tmp_path: Path) -> None:
    module, x, path = module_of(name).double(), inputs_of(name, 4), tmp_path / "net.onnx"
    x = x.double() if x.dtype.is_floating_point else x
    export(module, x, path, dynamo=dynamo, for_training=True)
    network = read_onnx(path)
    graph = network.graph.with_loss(SoftmaxCrossEntropy())
    trainer = engines.get_engine("numpy").compile(graph, network.parameters, dtype="float64")
    labels = torch.randint(0, CLASSES, (4,))
    arrays = {"x": x.numpy(), graph.inputs[1].name: labels.numpy()}
    optimizer = torch.optim.SGD(module.train().parameters(), lr=LEARNING_RATE)
    for step in range(3):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(x), labels)
        loss.backward()
        optimizer.step()
        found = trainer.train_step(arrays, SGD(lr=LEARNING_RATE), Mode(training=True, step=step)).loss
        assert abs(found - loss.item()) < 1e-9
