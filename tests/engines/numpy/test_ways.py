"""Which ways a trainer says it took, and the variants of an engine that take the others."""

from dataclasses import replace

import numpy as np
import pytest

from backproof.engines import Mode, get_engine, variants, ways_of
from backproof.engines.numpy import NumpyEngine
from backproof.engines.numpy.tuning import SMALL, USUAL, Tuning
from backproof.graph import Builder, Graph, Sequential, Shape, initial_parameters
from backproof.ops import (
    MSE,
    AdaptiveAvgPool2d,
    Add,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from backproof.optim import SGD, Adam

TRAIN = Mode(training=True, seed=1)


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return get_engine(request.param)


def network() -> Graph:
    net = Builder(Shape("N", 2, 7, 8))
    x = net("stem", Conv2d(3, 3, padding=1), net.x)
    x = net("relu1", ReLU(), net("bn1", BatchNorm(), net("conv1", Conv2d(4, 3, padding=1), x)))
    h = net("bn2", BatchNorm(), net("conv2", Conv2d(4, 3, padding=1, bias=False), x))
    x = net("relu2", ReLU(), net("add", Add(), h, x))
    x = net("pool", MaxPool2d(3, 2, padding=1), net("drop", Dropout(0.3), x))
    x = net("strided", Conv2d(3, 3, stride=2), x)
    x = net("flatten", Flatten(), net("gap", AdaptiveAvgPool2d((1, 1)), x))
    return net.graph(net("fc2", Linear(3), net("relu3", ReLU(), net("fc1", Linear(7), x)))).with_loss(
        SoftmaxCrossEntropy()
    )


def batch(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(n)
    return {"x": rng.standard_normal((n, 2, 7, 8)), "y": rng.integers(0, 3, n)}


def test_every_variant_computes_the_same(engine):
    """Over steps of several batch sizes, after which buffers have grown and state was swept out."""
    graph = network()
    weights = initial_parameters(graph)
    found = {}
    for name, variant in variants(engine).items():
        trainer = variant.compile(graph, weights, dtype="float64")
        for step, n in enumerate((3, 5, 4, 7)):
            trainer.train_step(batch(n), Adam(weight_decay=1e-2), Mode(training=True, seed=1, step=step))
        found[name] = trainer.parameters() | {"y": trainer.forward(batch(6))["fc2"]}
    assert list(found) == ["", "small blocks", "im2col, low memory"]
    for name, value in found[""].items():
        for variant in found:
            np.testing.assert_allclose(found[variant][name], value, rtol=1e-7, atol=1e-9, err_msg=f"{variant} {name}")


def test_variants_keep_the_other_settings():
    made = variants(NumpyEngine(winograd=False))
    assert made[""] == NumpyEngine(winograd=False)
    assert made["small blocks"] == NumpyEngine(winograd=False, tuning=SMALL)
    assert made["im2col, low memory"].memory == "low"


def test_an_engine_without_variants_is_alone():
    engine = get_engine("numpy")
    alone = type("Alone", (NumpyEngine,), {"capabilities": replace(engine.capabilities, variants={})})()
    assert variants(alone) == {"": alone}


def test_a_trainer_tells_its_ways(engine):
    trainer = variants(engine)["small blocks"].compile(network(), initial_parameters(network()))
    assert not any(ways_of(trainer).values()), "nothing has run"
    trainer.train_step(batch(3), SGD(), TRAIN)
    ways = ways_of(trainer)
    assert ways["Conv2d"] >= {"Winograd", "tiles of 4 x 4", "tiles cut at the edge"}
    assert ways["BatchNormReLU"] >= {"statistics of the batch", "with Add", "without Add"}
    assert "BatchNorm" not in ways, "fused"
    assert ways["Dropout"] == {"mask, channels last"}
    assert ways["SGD"] == {"several blocks, the last smaller"}
    assert ways["network"] == {"fused", "gradients of several takers summed", "a buffer grows"}
    trainer.forward(batch(9))
    after = ways_of(trainer)
    assert "evaluation" in after["Dropout"] - ways["Dropout"]
    assert "prediction: values forgotten" in after["network"] - ways["network"]


def test_the_usual_tuning_takes_the_ways_of_large_networks():
    graph = Sequential(Conv2d(64, 3, padding=1), Conv2d(64, 3, padding=1)).build(Shape("N", 3, 16, 16)).with_loss(MSE())
    trainer = NumpyEngine().compile(graph, initial_parameters(graph))
    rng = np.random.default_rng(0)
    inputs = {i.name: rng.standard_normal(i.shape.bind(40)) for i in graph.inputs}
    trainer.gradients(inputs, TRAIN)
    ways = ways_of(trainer)["Conv2d"]
    assert {"Winograd", "im2col", "several blocks, the last smaller", "input gradient: col2im"} <= ways


def test_what_does_not_tell_has_no_ways():
    graph = Sequential(Linear(2)).build(Shape("N", 3)).with_loss(MSE())
    assert ways_of(get_engine("reference").compile(graph, initial_parameters(graph))) == {}


def test_equal_tunings_are_one_key():
    assert Tuning() == USUAL
    assert hash(Tuning()) == hash(USUAL)
    assert len({Tuning(), USUAL, SMALL, Tuning(norm_rows=7)}) == 3
