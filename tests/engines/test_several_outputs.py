"""A network with an auxiliary output trains on the weighted sum of its losses, as PyTorch does."""

import numpy as np
import pytest

from backproof.engines import Mode
from backproof.graph import Builder, Shape, initial_parameters
from backproof.ops import BatchNorm, Linear, ReLU, SoftmaxCrossEntropy
from backproof.optim import Momentum
from backproof.verify import check_model

WEIGHTS = (1.0, 0.3)


def supervised():
    """Two hidden layers, each with a classifier of its own."""
    net = Builder(Shape("N", 6))
    h = net("bn", BatchNorm(), net("fc1", Linear(5), net.x))
    deeper = net("relu2", ReLU(), net("fc2", Linear(4), net("relu1", ReLU(), h)))
    return net.graph(net("main", Linear(3), deeper), net("side", Linear(3), h))


GRAPH = supervised().with_loss(SoftmaxCrossEntropy(), weights=WEIGHTS)


def batches(count):
    rng = np.random.default_rng(3)
    return [{"x": rng.standard_normal((7, 6)), "y": rng.integers(0, 3, 7)} for _ in range(count)]


def test_training_equals_pytorchs(engine):
    torch = pytest.importorskip("torch")
    from torch.nn import functional

    weights = initial_parameters(GRAPH)
    trainer = engine.compile(GRAPH, weights, dtype="float64")
    tensors = {name: torch.tensor(np.float64(w), requires_grad="running" not in name) for name, w in weights.items()}
    optimizer = torch.optim.SGD([w for w in tensors.values() if w.requires_grad], lr=0.1, momentum=0.9)

    def linear(name, x):
        return functional.linear(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    for step, batch in enumerate(batches(4)):
        x, y = torch.from_numpy(batch["x"]), torch.from_numpy(batch["y"])
        bn = [tensors[f"bn.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        h = functional.batch_norm(linear("fc1", x), *bn, training=True)
        main = linear("main", functional.relu(linear("fc2", functional.relu(h))))
        losses = [functional.cross_entropy(out, y) for out in (main, linear("side", h))]
        loss = sum(w * part for w, part in zip(WEIGHTS, losses, strict=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        result = trainer.train_step(batch, Momentum(lr=0.1, momentum=0.9), Mode(training=True, step=step))
        assert result.loss == pytest.approx(loss.item(), rel=1e-12)
        np.testing.assert_allclose(result.output, main.detach().numpy(), rtol=1e-10, atol=1e-12)
    for name, ours in trainer.parameters().items():
        np.testing.assert_allclose(ours, tensors[name].detach().numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


def test_predicts_without_targets(engine):
    trainer = engine.compile(GRAPH, initial_parameters(GRAPH), dtype="float64")
    (batch,) = batches(1)
    whole = trainer.forward(batch, want=["side", "loss.side"])
    alone = trainer.forward({"x": batch["x"]}, want=["side"])
    assert set(alone) == {"main", "side"}
    for name, value in alone.items():
        np.testing.assert_array_equal(value, whole[name])
    assert whole["loss"].shape == whole["loss.side"].shape == ()


def test_every_node_is_checked(engine):
    (batch,) = batches(1)
    report = check_model(GRAPH, initial_parameters(GRAPH), batch, [engine])
    assert report.failures == ()
    assert {"loss", "loss.main", "loss.side"} <= {f.subject for f in report.findings if f.verdict == "agrees"}
