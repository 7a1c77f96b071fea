"""Only contenders that compute the same are timed."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from backproof.bench.agreement import AGREEMENT, largest_difference, require_agreement, require_first_losses
from backproof.bench.job import TrainJob
from backproof.bench.process import Process
from backproof.errors import UserError

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")


def job(contender: str, **changes: Any) -> TrainJob:
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


@needs_torch
def test_engines_pytorch_and_scikit_learn_agree_on_a_perceptron() -> None:
    names = ("numpy", "torch", "reference", "pytorch", "pytorch-tuned", "scikit-learn")
    assert require_agreement([job(name) for name in names]) < 1e-12


@needs_torch
@pytest.mark.parametrize("model", ["lenet5", "resnet"])
def test_networks_of_images_agree_gradient_by_gradient(model: str) -> None:
    options = {"resnet": {"blocks": (1, 2), "width": 4}}.get(model, {})
    jobs = [
        job(name, model=model, options=options, input_shape=(2, 16, 16), steps=1, batch_size=4, optimizer="adam")
        for name in ("numpy", "pytorch", "pytorch-tuned")
    ]
    assert require_agreement(jobs) < AGREEMENT


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_jax_agrees_step_by_step_and_an_epoch_at_once() -> None:
    names = ("numpy", "jax", "jax-scan")
    jobs = [job(name, model="lenet5", options={}, input_shape=(1, 16, 16), optimizer="adam") for name in names]
    assert require_agreement(jobs) < 1e-12
    with Process(jobs[2]) as scan:
        scan.ready()
        assert scan.round(0)["epoch"][0] > 0


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_an_epoch_at_once_has_no_steps() -> None:
    with Process(job("jax-scan", steps=1)) as scan, pytest.raises(UserError, match="leave it out, or steps"):
        scan.ready()


@needs_torch
def test_dropout_does_not_stand_in_the_way() -> None:
    jobs = [job(name, options={"layers": (8,), "dropout": 0.5, "batch_norm": True}) for name in ("numpy", "pytorch")]
    assert require_agreement(jobs) < AGREEMENT


def test_contenders_with_other_weights_are_refused() -> None:
    with pytest.raises(UserError, match=r"'reference' and 'numpy' disagree: their .* apart, relative, in float64"):
        require_agreement([job("numpy"), job("reference", seed=1)])


def test_first_losses_in_float32_must_be_near() -> None:
    with Process(job("numpy")) as one, Process(job("reference", seed=3)) as other:
        one.ready()
        other.ready()
        assert one.first_loss is not None
        require_first_losses([one])
        with pytest.raises(UserError, match="the first loss is"):
            require_first_losses([one, other])


def test_a_wrong_gradient_is_named() -> None:
    right = {"output": np.ones(3), "gradient of a": np.ones(2), "gradient of b": np.ones(2)}
    wrong = right | {"gradient of b": np.array([1.0, 1.1])}
    assert largest_difference(right, right) == ("results", 0.0)
    name, difference = largest_difference(wrong, right)
    assert name == "gradient of b"
    assert difference == pytest.approx(0.1 / np.sqrt(2))


def test_a_gradient_that_is_nothing_but_rounding_is_agreement() -> None:
    a = {"gradient of w": np.ones(2), "gradient of b": np.array([1e-17])}
    b = {"gradient of w": np.ones(2), "gradient of b": np.array([-2e-17])}
    assert largest_difference(a, b)[1] < AGREEMENT


def test_nan_other_shapes_and_nothing_in_common_are_no_agreement() -> None:
    one = {"output": np.ones(3)}
    for other in ({"output": np.array([1.0, np.nan, 1.0])}, {"output": np.ones(4)}, {"else": np.ones(3)}):
        assert not largest_difference(other, one)[1] <= AGREEMENT


def test_a_job_that_a_contender_cannot_do_is_one_sentence() -> None:
    with_batch_norm = job("scikit-learn", options={"layers": (8,), "batch_norm": True})
    with Process(with_batch_norm) as process, pytest.raises(UserError, match="scikit-learn takes Linear and ReLU"):
        process.ready()
    with Process(job("scikit-learn", optimizer="adam")) as process, pytest.raises(UserError, match="sgd, not adam"):
        process.ready()
