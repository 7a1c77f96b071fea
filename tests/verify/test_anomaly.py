"""Bad numbers are found at the node that made them, not at those that pass them on."""

import numpy as np
import pytest

from backproof.engines import Mode, get_engine
from backproof.graph import Sequential, Shape, initial_parameters
from backproof.ops import Linear, ReLU, Sigmoid, SoftmaxCrossEntropy
from backproof.optim import SGD
from backproof.verify.training.anomaly import check_anomalies


def network(*ops, features=4):
    names = [f"{type(op).__name__.lower()}{i}" for i, op in enumerate(ops)]
    graph = Sequential(*zip(names, ops, strict=True)).build(Shape("N", features)).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    batches = [{"x": rng.standard_normal((6, features)), "y": rng.integers(0, 3, 6)} for _ in range(4)]
    return graph, dict(initial_parameters(graph)), batches


def troubles(graph, parameters, batches, **options):
    report = check_anomalies(get_engine("numpy"), graph, parameters, batches, mode=Mode(True), **options)
    return {(f.what, f.subject, f.case) for f in report.failures}


def test_a_sound_network_is_sound():
    graph, parameters, batches = network(Linear(8), ReLU(), Linear(3))
    report = check_anomalies(get_engine("numpy"), graph, parameters, batches, mode=Mode(True), optimizer=SGD())
    assert report.passed, report.failures
    assert {f.what for f in report.findings} >= {"NaN", "infinity", "denormals", "dead units", "vanishing gradient"}


def test_overflow_is_found_where_it_arises():
    graph, parameters, batches = network(Linear(8), ReLU(), Linear(3))
    parameters["linear0.weight"] = np.full((8, 4), 1e30)
    parameters["linear2.weight"] = np.full((3, 8), 1e30)
    found = troubles(graph, parameters, batches)
    assert ("infinity", "linear2", "forward, step 1") in found
    assert ("NaN", "loss", "forward, step 1") in found


def test_a_run_that_diverges_is_followed_to_its_first_bad_step():
    graph, parameters, batches = network(Linear(8), ReLU(), Linear(3))
    batches[2]["x"] = batches[2]["x"] * np.nan
    found = troubles(graph, parameters, batches, optimizer=SGD())
    assert ("NaN", "linear0", "forward, step 3") in found


def test_a_dead_layer_is_named():
    graph, parameters, batches = network(Linear(8), ReLU(), Linear(3))
    parameters["linear0.bias"] = np.full(8, -100.0)
    assert ("dead units", "relu1", "forward, step 1") in troubles(graph, parameters, batches)


def test_denormals_are_named():
    graph, parameters, batches = network(Linear(8), ReLU(), Linear(3))
    parameters["linear0.weight"] *= 1e-40
    assert ("denormals", "linear0", "forward, step 1") in troubles(graph, parameters, batches)


@pytest.mark.parametrize(("scale", "what"), [(1e-3, "vanishing gradient"), (1e3, "exploding gradient")])
def test_a_gradient_that_is_lost_on_the_way_is_named(scale, what):
    """Each layer changes it by about `scale`: after a few of them it is past the limit, and the layers below too."""
    layers = [op for _ in range(5) for op in (Linear(4, bias=False), Sigmoid())][:-1]
    graph, parameters, batches = network(*layers, Linear(3))
    for name in parameters:
        parameters[name] = scale * np.ones_like(parameters[name])
    if what == "exploding gradient":
        batches[0]["x"] *= 1e-9
        graph, _, _ = network(*[Linear(4, bias=False) for _ in range(5)], Linear(3))
        parameters = {n: scale * np.eye(*s.shape) for n, s in graph.parameters.items() if n.endswith("weight")}
        parameters |= {n: np.zeros(s.shape) for n, s in graph.parameters.items() if n.endswith("bias")}
    (found,) = [subject for kind, subject, _ in troubles(graph, parameters, batches[:1]) if kind == what]
    order = [node.name for node in graph.nodes]
    assert 0 < order.index(found) < len(order) - 2
