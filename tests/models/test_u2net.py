"""U²-Net: its structure, and every output, gradient and statistic against a PyTorch module of the authors' names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.errors import UserError
from backproof.graph import Array, Builder, Graph, Shape, initial_parameters
from backproof.interchange import fit_weights, read_weights
from backproof.models import build
from backproof.models.logits import logits
from backproof.ops import MSE, BCEWithLogits, Sigmoid, Softmax, SoftmaxCrossEntropy
from backproof.optim import SGD

FEW: dict[str, Any] = {"width": 8, "heights": (4, 3)}
STAGES = {"1": (4, 4, 8), "2": (3, 4, 16), "3": (0, 8, 16), "4": (0, 8, 16)} | {
    "3d": (0, 8, 16),
    "2d": (3, 4, 8),
    "1d": (4, 2, 8),
}
"""What `FEW` comes to."""


@pytest.mark.parametrize(("name", "parameters"), [("u2net", 44_009_869), ("u2netp", 1_131_181)])
def test_the_authors_size_and_outputs(name: str, parameters: int) -> None:
    graph = build(name, Shape("N", 3, 320, 320), 1, {})
    assert graph.parameter_count == parameters
    assert graph.outputs == ("outconv", "side1", "d2", "d3", "d4", "d5", "d6")
    assert {graph.shapes[output] for output in graph.outputs} == {Shape("N", 1, 320, 320)}
    assert graph.shapes["stage6.add"][2:] == (10, 10)
    assert graph.shapes["stage1.rebnconv7.conv_s1"][2:] == (10, 10)


@pytest.mark.parametrize("name", ["u2net", "u2netp"])
@pytest.mark.parametrize("size", [(1, 1), (33, 47), (1, 70)])
def test_any_size_will_do(name: str, size: tuple[int, int]) -> None:
    graph = build(name, Shape("N", 3, *size), 2, {"width": 4})
    assert {graph.shapes[output] for output in graph.outputs} == {Shape("N", 2, *size)}


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("u2net", {"width": 6}, "model 'u2net': width is 6; it must be a multiple of 4"),
        ("u2net", {"heights": (7, 1)}, "model 'u2net': heights is 7,1; every block needs 2 levels or more"),
        ("u2netp", {"heights": ()}, "model 'u2netp': heights is empty; every block needs 2 levels or more"),
        ("u2netp", {"mid": 0}, "model 'u2netp': mid is 0; it must be 1 or more"),
    ],
)
def test_bad_options_get_one_sentence(name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=f"^{sentence}$"):
        build(name, Shape("N", 3, 8, 8), 1, options)


def test_each_of_seven_outputs_has_its_loss() -> None:
    graph = build("u2netp", Shape("N", 3, 8, 8), 1, {"width": 2, "mid": 1}).with_loss(BCEWithLogits())
    parts = [node for node in graph.nodes if isinstance(node.op, BCEWithLogits)]
    assert [node.inputs[0] for node in parts] == list(graph.outputs)
    trainer = get_engine("numpy").compile(graph, initial_parameters(graph), dtype="float64")
    rng = np.random.default_rng(0)
    batch = {"x": rng.standard_normal((2, 3, 8, 8)), "y": rng.random((2, 1, 8, 8))}
    names = [node.name for node in parts]
    found = trainer.forward(batch, Mode(training=True), [graph.loss or "", *names])
    assert len(names) == 7
    assert found["loss"] == pytest.approx(sum(float(found[name]) for name in names), rel=1e-12)


def test_probabilities_are_brought_back_to_logits() -> None:
    plain = build("u2netp", Shape("N", 3, 8, 8), 1, {"width": 2, "mid": 1, "heights": (2,)})
    net = Builder(plain.inputs[0].shape)
    values = {net.x.name: net.x}
    for node in plain.nodes:
        values[node.name] = net(node.name, node.op, *(values[name] for name in node.inputs))
    sigmoids = [net(f"{name} sigmoid", Sigmoid(), values[name]) for name in plain.outputs]
    squashed = net.graph(*sigmoids)
    assert logits(squashed).hash == plain.hash
    assert logits(squashed.with_loss(MSE())).hash == plain.hash
    assert logits(plain) == plain
    assert logits(squashed, (Softmax,)) == squashed
    twice = net.graph(sigmoids[0], values["outconv"])
    assert logits(twice).outputs == ("outconv sigmoid", "outconv")


def error(ours: Array, theirs: Any) -> float:
    """max |a - b| relative to max |b|."""
    right = theirs.detach().numpy()
    assert ours.shape == right.shape
    return float(np.max(np.abs(ours - right)) / np.max(np.abs(right)))


def errors(engine: str, graph: Graph, module: Any, batch: dict[str, Array]) -> dict[str, float]:
    """How far an engine is from the module in both modes, and after a step of SGD: everything, by what it is."""
    import torch

    parts = graph.with_loss(BCEWithLogits() if batch["y"].dtype.kind == "f" else SoftmaxCrossEntropy())
    state = {name: value.numpy().copy() for name, value in module.state_dict().items()}
    trainer = get_engine(engine).compile(parts, fit_weights(parts, state, "module"), dtype="float64")
    cross_entropy = torch.nn.functional.cross_entropy
    measure = cross_entropy if batch["y"].dtype.kind == "i" else torch.nn.functional.binary_cross_entropy_with_logits
    found: dict[str, float] = {}
    for training in (False, True):
        mode = "train" if training else "eval"
        x = torch.tensor(batch["x"], requires_grad=True)
        module.train(training).zero_grad()
        outputs = module(x)
        loss = sum(measure(output, torch.from_numpy(batch["y"])) for output in outputs)
        loss.backward()
        got = trainer.gradients(batch, Mode(training=training))
        forward = trainer.forward({"x": batch["x"]}, Mode(training=training), graph.outputs)
        for name, right in zip(graph.outputs, outputs, strict=True):
            found[f"{mode} {name}"] = error(forward[name], right)
        found[f"{mode} loss"] = abs(got.loss - loss.item()) / loss.item()
        found[f"{mode} gradient of x"] = error(got.inputs["x"], x.grad)
        names = dict(module.named_parameters())
        assert names.keys() == got.parameters.keys()
        for name, parameter in names.items():
            # in front of batch statistics a bias moves nothing: its gradient is 0, and what there is is rounding
            still = training and name.endswith("conv_s1.bias")
            of_all = float(np.max(np.abs(got.parameters[name.replace("bias", "weight")])))
            wrong = np.max(np.abs(got.parameters[name] - parameter.grad.numpy())) / of_all
            found[f"{mode} gradient of {name}"] = wrong if still else error(got.parameters[name], parameter.grad)
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


CASES = [("few", (3, 33, 20), 1), ("few", (1, 8, 8), 3), ("u2netp", (3, 40, 37), 1)]


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize(("which", "shape", "classes"), CASES, ids=["odd", "classes", "u2netp"])
def test_equal_to_pytorch(engine: str, which: str, shape: tuple[int, ...], classes: int) -> None:
    pytest.importorskip("torch")
    from torch_u2net import SMALL, U2Net, drawn

    module = drawn(U2Net(SMALL if which == "u2netp" else STAGES, shape[0], classes), seed=0)
    name, options = ("u2netp", {}) if which == "u2netp" else ("u2net", FEW)
    graph = build(name, Shape("N", *shape), classes, options)
    found = errors(engine, graph, module, batch_for(shape, classes, samples=3))
    assert {what: e for what, e in found.items() if not e <= 1e-9} == {}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_the_whole_u2net_is_equal_to_pytorchs(engine: str) -> None:
    pytest.importorskip("torch")
    from torch_u2net import U2Net, drawn

    graph = build("u2net", Shape("N", 3, 64, 64), 1, {})
    found = errors(engine, graph, drawn(U2Net(), seed=1), batch_for((3, 64, 64), 1, samples=2))
    assert {what: e for what, e in found.items() if not e <= 1e-9} == {}


def batch_for(shape: tuple[int, ...], classes: int, samples: int) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((samples, *shape))
    y = rng.random((samples, 1, *shape[1:])) if classes == 1 else rng.integers(0, classes, (samples, *shape[1:]))
    return {"x": x, "y": y}


def test_a_saved_state_dict_is_loaded_as_it_is(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from torch_u2net import SMALL, U2Net, drawn

    module = drawn(U2Net(SMALL), seed=2).eval()
    torch.save(module.state_dict(), tmp_path / "u2netp.pth")
    graph = build("u2netp", Shape("N", 3, 32, 48), 1, {})
    weights = fit_weights(graph, read_weights(tmp_path / "u2netp.pth"), "u2netp.pth")
    assert weights.keys() == graph.parameters.keys()
    trainer = get_engine("numpy").compile(graph, weights, dtype="float64")
    x = np.random.default_rng(3).standard_normal((1, 3, 32, 48))
    found = trainer.forward({"x": x}, want=graph.outputs)
    for name, right in zip(graph.outputs, module(torch.from_numpy(x)), strict=True):
        assert error(found[name], right) <= 1e-9, name
