"""Networks whose batch is fixed or stands elsewhere than first, and parameters that are kept as they are."""

import numpy as np
import pytest

from backproof.engines import ENGINES, Mode, get_engine, installed, reference_engine, variants
from backproof.errors import UserError
from backproof.graph import Builder, Shape, initial_parameters
from backproof.ops import MSE, Add, BatchNorm, Conv2d, Dropout, Flatten, LayerNorm, Linear, ReLU
from backproof.optim import SGD
from backproof.verify.core.tolerances import difference, tolerance

TRAINERS = [name for name in ENGINES if installed(name) and get_engine(name).capabilities.trains]
WAYS = [(name, variant) for name in TRAINERS for variant in variants(get_engine(name))]


def images(*, batch):
    net = Builder(Shape(batch, 2, 5, 5))
    h = net("conv", Conv2d(3, 3, padding=1), net.x)
    h = net("relu", ReLU(), net("bn", BatchNorm(), h))
    h = net("drop", Dropout(0.3), net("add", Add(), h, net("conv2", Conv2d(3, 1), h)))
    return net.graph(net("fc", Linear(2), net("flat", Flatten(), h))).with_loss(MSE())


def rows(*, batch):
    net = Builder(Shape(3, batch, 4))
    h = net("norm", LayerNorm(4), net("fc1", Linear(4), net.x))
    return net.graph(net("fc2", Linear(2), net("relu", ReLU(), h))).with_loss(MSE())


def case(graph, n):
    rng = np.random.default_rng(0)
    inputs = {i.name: rng.standard_normal(i.shape.bind(n)) for i in graph.inputs}
    parameters = {name: value + 0.1 for name, value in initial_parameters(graph).items()}
    return parameters, inputs


def same(found, expected):
    assert difference(np.float64(found.loss), np.float64(expected.loss)) < tolerance("float64", 100)
    for kind in ("parameters", "inputs", "state"):
        one, other = getattr(found, kind), getattr(expected, kind)
        assert one.keys() == other.keys()
        for name in one:
            assert difference(one[name], other[name]) < tolerance("float64", 100), (kind, name)


@pytest.mark.parametrize(("engine", "variant"), WAYS)
@pytest.mark.parametrize("make", [images, rows])
def test_a_fixed_batch_computes_as_one_that_is_not(engine, variant, make):
    engine, mode = variants(get_engine(engine))[variant], Mode(training=True)
    fixed, free = make(batch=2), make(batch="N")
    parameters, inputs = case(free, 2)
    found, expected = (engine.compile(g, parameters, dtype="float64").gradients(inputs, mode) for g in (fixed, free))
    assert found.loss == expected.loss
    assert all(np.array_equal(found.parameters[name], expected.parameters[name]) for name in expected.parameters)
    same(found, reference_engine().compile(fixed, parameters).gradients(inputs, mode))


@pytest.mark.parametrize("engine", TRAINERS)
def test_another_batch_than_the_fixed_one_is_refused(engine):
    graph = images(batch=2)
    parameters, inputs = case(graph, 2)
    trainer = get_engine(engine).compile(graph, parameters)
    with pytest.raises(UserError, match=r"the network takes floats of shape \(2, 2, 5, 5\)"):
        trainer.forward({"x": inputs["x"][:1]})


@pytest.mark.parametrize(("engine", "variant"), WAYS)
def test_frozen_parameters_stay_and_the_others_learn_as_ever(engine, variant):
    graph = images(batch="N")
    frozen = graph.frozen_by(["conv.weight", "bn.*", "conv2.*", "fc.bias"])
    parameters, inputs = case(graph, 3)
    engine, mode = variants(get_engine(engine))[variant], Mode(training=True)
    trainer = engine.compile(frozen, parameters, dtype="float64")
    found = trainer.gradients(inputs, mode)
    expected = engine.compile(graph, parameters, dtype="float64").gradients(inputs, mode)
    assert set(found.parameters) == {"conv.bias", "fc.weight"}
    assert set(found.state) == {"bn.running_mean", "bn.running_var"}
    for name, gradient in found.parameters.items():
        assert difference(gradient, expected.parameters[name]) < tolerance("float64", 100)
    trainer.train_step(inputs, SGD(lr=0.1, weight_decay=0.1), mode)
    after = trainer.parameters()
    moved = {name for name, value in after.items() if not np.array_equal(value, parameters[name])}
    assert moved == {"conv.bias", "fc.weight", "bn.running_mean", "bn.running_var"}


@pytest.mark.parametrize("engine", TRAINERS)
def test_where_all_is_frozen_the_inputs_still_have_gradients(engine):
    graph = rows(batch="N")
    frozen = graph.frozen_by(["*"])
    parameters, inputs = case(graph, 3)
    mode = Mode(training=True)
    trainer = get_engine(engine).compile(frozen, parameters, dtype="float64")
    same(trainer.gradients(inputs, mode), reference_engine().compile(frozen, parameters).gradients(inputs, mode))
    trainer.train_step(inputs, SGD(lr=0.1), mode)
    assert all(np.array_equal(value, parameters[name]) for name, value in trainer.parameters().items())
