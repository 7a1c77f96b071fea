"""Whatever an engine's sizes and thresholds are, it computes the same."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backproof.engines import Mode, get_engine, installed, reference_engine, variants, ways_of
from backproof.engines.numpy.tuning import PLAIN, SMALL, USUAL, Tuning
from backproof.errors import OptionError
from backproof.graph import Builder, Graph, Sample, Shape, initial_parameters
from backproof.ops import (
    AdaptiveAvgPool2d,
    Add,
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from backproof.optim import OPTIMIZERS
from backproof.verify.core.case import make_case, run_case

TUNINGS = st.builds(
    Tuning,
    im2col_elements=st.integers(1, 600),
    im2col_rows=st.integers(1, 40),
    banded_channels=st.integers(0, 5),
    banded_columns=st.integers(1, 40),
    taps_cost=st.sampled_from([0, 0.5, 2, 1e9]),
    winograd_channels=st.integers(1, 6),
    winograd_tiles=st.sampled_from([0.25, 3]),
    norm_elements=st.integers(1, 200),
    norm_rows=st.integers(1, 20),
    norm_distance=st.sampled_from([0.0, 0.3, 1e9]),
    not_finite=st.sampled_from([0, float("inf")]),
    pool_elements=st.integers(1, 300),
    pool_channels=st.integers(1, 6),
    pool_taps=st.integers(1, 12),
    linear_inputs=st.integers(1, 12),
    product_multiplications=st.integers(1, 300),
    product_rows=st.integers(1, 5),
    product_elements=st.integers(1, 40),
    product_columns=st.integers(1, 5),
    product_terms=st.integers(1, 8),
    product_samples=st.integers(1, 30),
    product_bytes=st.sampled_from([1, 1 << 20]),
    product_anywhere=st.just(True),
    optimizer_elements=st.integers(1, 120),
    optimizer_sweep=st.integers(1, 4),
)


def network() -> Graph:
    """Something of all that is tuned, on maps whose sides are 9 and 6 pixels, then 5 and 3.

    No bias before BatchNorm: its gradient is 0 but for rounding, of which Adam makes a step.
    """
    net = Builder(Shape("N", 3, 9, 6))
    x = net("relu1", ReLU(), net("bn1", BatchNorm(), net("conv1", Conv2d(4, 3, padding=1, bias=False), net.x)))
    x = net("up", ConvTranspose2d(4, 3, padding=1), x)
    h = net("bn2", BatchNorm(), net("conv2", Conv2d(4, 3, padding=1, groups=2, bias=False), x))
    x = net("relu2", ReLU(), net("add", Add(), h, x))
    x = net("pool", MaxPool2d(3, 2, padding=1), x)
    x = net("bn3", BatchNorm(), net("conv3", Conv2d(5, (2, 3), stride=(2, 1), padding=1, bias=False), x))
    x = net("flatten", Flatten(), net("gap", AdaptiveAvgPool2d((2, 1)), x))
    x = net("relu3", ReLU(), net("fc1", Linear(8), x))
    return net.graph(net("fc2", Linear(3), x)).with_loss(SoftmaxCrossEntropy())


GRAPH = network()
WEIGHTS = initial_parameters(GRAPH, 1)


def trained(engine, tuning: Tuning, optimizer: str) -> dict[str, np.ndarray]:
    """Everything after some steps on batches of several sizes."""
    trainer = replace(engine, tuning=tuning).compile(GRAPH, WEIGHTS, dtype="float64")
    rng = np.random.default_rng(0)
    found = {}
    for step, n in enumerate((3, 2, 5)):
        batch = {"x": rng.standard_normal((n, 3, 9, 6)) + 1, "y": rng.integers(0, 3, n)}
        found[f"y{step}"] = trainer.train_step(
            batch, OPTIMIZERS[optimizer](lr=1e-3, weight_decay=1e-2), Mode(training=True, step=step)
        ).output.copy()
    found["dx"] = trainer.gradients(batch, Mode(training=True)).inputs["x"]
    return found | trainer.parameters() | trainer.optimizer_state() | trainer.forward(batch)


@cache
def usual(name: str, optimizer: str) -> dict[str, np.ndarray]:
    return trained(get_engine(name), USUAL, optimizer)


@pytest.mark.parametrize("name", ["numpy", "numba"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tuning=TUNINGS, optimizer=st.sampled_from(["sgd", "adam", "centeredrmsprop"]))
def test_any_tuning_computes_the_same(name, tuning, optimizer):
    """In float64, but for rounding: Winograd's is the largest."""
    if name == "numba":
        pytest.importorskip("numba")
    expected = usual(name, optimizer)
    for key, value in trained(get_engine(name), tuning, optimizer).items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-8, atol=1e-10, err_msg=key)


def test_small_sizes_reach_what_usual_ones_do_not():
    ways = {}
    for name, tuning in (("usual", USUAL), ("small", SMALL), ("plain", PLAIN)):
        trainer = get_engine("numpy", tuning=tuning).compile(GRAPH, WEIGHTS)
        rng = np.random.default_rng(0)
        trainer.gradients({"x": rng.standard_normal((5, 3, 9, 6)), "y": rng.integers(0, 3, 5)}, Mode(training=True))
        ways[name] = ways_of(trainer)
    assert {"im2col"} == ways["usual"]["Conv2d"] & {"Winograd", "taps", "im2col"}
    assert {"Winograd", "taps"} <= ways["small"]["Conv2d"]
    assert {"im2col", "computed anew by im2col"} <= ways["plain"]["Conv2d"] - {"taps"}
    for op, other in (("BatchNormReLU", "small"), ("MaxPool2d", "small"), ("Conv2d", "plain")):
        assert not {way for way in ways["usual"][op] if way.startswith("several")}
        assert {way for way in ways[other][op] if way.startswith("several")}


@pytest.mark.parametrize("name", ["im2col_rows", "norm_rows", "product_rows", "product_columns", "optimizer_sweep"])
def test_a_block_has_at_least_one(name):
    assert name in {field.name for field in fields(Tuning)}
    with pytest.raises(OptionError, match=f"{name} of a Tuning is 0; it must be 1 or more"):
        Tuning(**{name: 0})


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_window_of_more_elements_than_a_byte_can_number(engine):
    """No sample of `check`: JAX takes long to compile so many."""
    if not installed(engine):
        pytest.skip(f"engine '{engine}' is not installed")
    case = make_case(Sample(op=MaxPool2d((2, 150)), shapes=((4, 2, 2, 150),)), seed=0)
    expected = run_case(reference_engine(), case)
    for varied in variants(get_engine(engine)).values():
        found = run_case(varied, case)
        for at, value in expected.items():
            np.testing.assert_allclose(found[at], value, rtol=1e-12, atol=1e-15)
