"""Benchmarks are fair: each contender in its own process with pinned threads, in turn, warm-up apart."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from backproof.bench import OpCase, OpJob, TrainJob, benchmark, operation_experiment, train_experiment
from backproof.bench.cases import cases_of, flops, label
from backproof.bench.contenders import make
from backproof.bench.job import job_from_json
from backproof.bench.process import pinned
from backproof.bench.suite import MICRO
from backproof.bench.variants import sized
from backproof.errors import OptionError, UserError
from backproof.graph.op import Sample

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")


def job(contender: str = "numpy", **changes: Any) -> TrainJob:
    values: dict[str, Any] = {
        "contender": contender,
        "model": "mlp",
        "options": {"layers": (8,)},
        "input_shape": (1, 4, 4),
        "classes": 3,
        "samples": 64,
        "batch_size": 16,
    }
    return TrainJob(**(values | changes))


def test_jobs_survive_json() -> None:
    ops = OpJob(contender="numpy", cases=(MICRO,))
    for one in (job(options={}, width=4), ops):
        assert job_from_json(one.to_json()) == one


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean pytorch"):
        job("pytorh")
    with pytest.raises(UserError, match="optimizer of a benchmark"):
        job(optimizer="adamw")


def test_threads_are_pinned_for_every_library() -> None:
    environment = pinned(2)
    assert {environment[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")} == {"2"}


def test_every_contender_is_timed_every_round() -> None:
    seen: list[tuple[str, int]] = []

    def watch(who: str, number: int, seconds: float) -> None:
        seen.append((who.partition(",")[0], number))

    timings = benchmark([job("numpy"), job("scikit-learn")], 2, watch)
    assert seen == [(name, number) for number in range(3) for name in ("numpy", "scikit-learn")]
    for timing in timings:
        assert len(timing.seconds["epoch"]) == 2
        assert min(timing.seconds["epoch"]) > 0
        assert timing.peak_memory_mb > 10


def test_every_step_of_a_round_is_a_time() -> None:
    (timing,) = benchmark([job(steps=3)], 2)
    assert len(timing.seconds["step"]) == 6


def test_an_experiment_has_every_combination() -> None:
    found = train_experiment(
        job(), ("numpy", "reference"), against="numpy", threads=(1, 2), batch_sizes=(8, 16), widths=(4,), rounds=1
    )
    settings = [{"threads": t, "batch size": b, "width": 4, "image size": 4} for b in (8, 16) for t in (1, 2)]
    assert [m.settings for m in found.measurements if m.contender == "numpy"] == settings
    assert found.agreement is not None
    assert found.agreement < 1e-12
    assert all(found.ratio(m) == 1 for m in found.measurements if m.contender == "numpy")


def test_what_cannot_be_raced_is_one_sentence() -> None:
    with pytest.raises(UserError, match="against is 'torch'"):
        train_experiment(job(), ("numpy",), against="torch", threads=(1,), rounds=1)
    with pytest.raises(UserError, match="rounds is 0"):
        benchmark([job()], 0)
    with pytest.raises(UserError, match="image_sizes goes with images"):
        train_experiment(job(input_shape=(4,)), ("numpy",), against="numpy", threads=(1,), image_sizes=(4,), rounds=1)


@pytest.mark.parametrize(
    ("model", "width", "depth", "options"),
    [
        ("mlp", 32, 3, {"layers": (32, 32, 32)}),
        ("mlp", None, 2, {"layers": (100, 100)}),
        ("cnn", 4, None, {"channels": 4}),
        ("resnet", 16, 2, {"width": 16, "blocks": (2, 2, 2, 2)}),
        ("resnet18", 8, None, {"width": 8}),
    ],
)
def test_models_become_wider_and_deeper(model: str, width: int, depth: int, options: dict[str, Any]) -> None:
    assert sized(model, {}, width, depth) == options


def test_a_model_without_the_option_says_so() -> None:
    with pytest.raises(UserError, match="depths: model 'lenet5' has no option"):
        sized("lenet5", {}, None, 3)


def test_shapes_of_resnet101_are_those_of_the_network() -> None:
    found = cases_of("resnet101", "Conv2d", (3, 96, 96), 16, {})
    assert sum(case.count for case in found) == 104
    assert len(found) == 23
    stem = found[0]
    assert stem.shapes == ((16, 3, 96, 96),)
    assert flops(stem) == 2 * 16 * 64 * 48 * 48 * 3 * 7 * 7
    assert "16x3x96x96" in label(stem)


def test_operations_that_a_model_lacks_or_that_cannot_be_timed() -> None:
    with pytest.raises(UserError, match="has no LayerNorm"):
        cases_of("resnet18", "LayerNorm", (3, 32, 32), 1, {})
    with pytest.raises(UserError, match="not timed alone"):
        cases_of("resnet18", "Dropout", (3, 32, 32), 1, {})
    with pytest.raises(UserError, match="operation"):
        cases_of("resnet18", "Convv", (3, 32, 32), 1, {})


def _known_to_pytorch(sample: Sample) -> bool:
    """Whether it is on batches, as benchmarks are, and PyTorch has a module for it."""
    from backproof.bench.contenders.pytorch_network import layer

    if any(shape[:1] != ("N",) for shape in sample.declared):
        return False
    try:
        layer(sample.op, list(sample.declared))
    except OptionError:
        return False
    return True


@needs_torch
def test_every_operation_alone_agrees_with_pytorch() -> None:
    """Output and gradients of kernels as the benchmark calls them, over samples of many operations."""
    from backproof.bench.agreement import largest_difference
    from backproof.graph import OPERATIONS, Loss
    from backproof.ops.dropout import Dropping

    cases = [
        OpCase(op=name, attributes=sample.op.attributes(), shapes=sample.shapes)
        for name, op in OPERATIONS.items()
        if not issubclass(op, Loss | Dropping)
        for sample in op.samples()
        if sample.training and sample.shapes and not sample.constants and _known_to_pytorch(sample)
    ]
    assert len(cases) > 100
    evidence = [make(OpJob(contender=c, cases=tuple(cases), dtype="float64")).evidence() for c in ("numpy", "pytorch")]
    assert evidence[0].keys() == evidence[1].keys()
    name, difference = largest_difference(*evidence)
    assert difference < 1e-9, name


@needs_torch
def test_an_operation_is_timed_forward_and_backward() -> None:
    found = operation_experiment((MICRO,), ("numpy", "pytorch"), against="pytorch", threads=(1,), rounds=1)
    parts = {m.part: m for m in found.measurements if m.contender == "numpy"}
    assert parts.keys() == {"forward", "backward", "to input", "to weights", "all"}
    assert parts["all"].median == pytest.approx(parts["forward"].median + parts["backward"].median)
    assert parts["forward"].flops == 2 * 8 * 2 * 7 * 9 * 4 * 3 * 3
    assert parts["all"].flops == 3 * parts["forward"].flops
    assert found.peak_gflops[1] > 0.1


def test_reference_and_numpy_agree_on_the_micro_benchmark() -> None:
    a, b = (make(OpJob(contender=c, cases=(MICRO,), dtype="float64")).evidence() for c in ("numpy", "reference"))
    for name, value in a.items():
        np.testing.assert_allclose(value, b[name], rtol=1e-9, atol=1e-12)


def test_peak_memory_is_the_processs_own() -> None:
    """Not that of the process which started it, however much that holds."""
    held = np.ones(60_000_000)  # 480 MB
    (timing,) = benchmark([job()], 1)
    assert 10 < timing.peak_memory_mb < 300
    assert held.nbytes == 480_000_000
