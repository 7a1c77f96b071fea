import re
from math import cos, pi
from pathlib import Path

import pytest

import backproof as bp
from backproof.errors import UserError
from backproof.optim import SCHEDULES, SGD, Constant, Cosine, Exponential, Step
from backproof.runs.optimizer import make_optimizer


def factors(schedule, steps):
    return [schedule.factor(step) for step in range(steps)]


def test_constant():
    assert factors(Constant(), 3) == [1, 1, 1]


def test_exponential_is_continuous():
    schedule = Exponential(gamma=0.25, every=2)
    assert factors(schedule, 5) == pytest.approx([1, 0.5, 0.25, 0.125, 0.0625])


def test_step_is_a_staircase():
    assert factors(Step(gamma=0.1, every=2), 5) == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_cosine_ends_at_its_floor_and_stays():
    schedule = Cosine(steps=4, floor=0.2)
    expected = [0.2 + 0.8 * (1 + cos(pi * t / 4)) / 2 for t in range(4)]
    assert factors(schedule, 7) == pytest.approx([*expected, 0.2, 0.2, 0.2])


@pytest.mark.parametrize(
    "make",
    [
        lambda warmup: Constant(warmup=warmup),
        lambda warmup: Exponential(gamma=0.5, warmup=warmup),
        lambda warmup: Step(gamma=0.5, every=1, warmup=warmup),
        lambda warmup: Cosine(steps=5, warmup=warmup),
    ],
)
def test_warm_up_rises_to_where_the_schedule_begins(make):
    assert factors(make(4), 4) == pytest.approx([0.25, 0.5, 0.75, 1])
    assert factors(make(4), 10)[4:] == pytest.approx(factors(make(0), 6))


def test_the_optimizer_multiplies_its_rate():
    assert SGD(lr=0.5, schedule=Step(gamma=0.1, every=1)).rate(2) == pytest.approx(0.005)


def test_times_in_epochs():
    ten, four = {"steps_per_epoch": 10, "epochs": 3}, {"steps_per_epoch": 4, "epochs": 1}
    assert Constant.from_epochs({"warmup": 0.5}, **ten) == Constant(warmup=5)
    assert Step.from_epochs({"every": 2}, **ten) == Step(gamma=0.1, every=20)
    assert Step.from_epochs({}, **ten) == Step(gamma=0.1, every=300)
    assert Step.from_epochs({"every": 0.01}, **ten) == Step(gamma=0.1, every=1)
    assert Exponential.from_epochs({"gamma": 0.9, "every": 1}, **four) == Exponential(gamma=0.9, every=4)
    assert Cosine.from_epochs({"warmup": 1}, **ten) == Cosine(steps=20, warmup=10)
    assert Cosine.from_epochs({"floor": 0.1}, **ten) == Cosine(steps=30, floor=0.1)


def test_bad_schedules():
    with pytest.raises(UserError, match="unknown schedule 'cosin'; did you mean cosine"):
        SCHEDULES.require("cosin")
    with pytest.raises(UserError, match=r"^warmup=2 leaves nothing of the 2 epochs for schedule=cosine$"):
        Cosine.from_epochs({"warmup": 2}, steps_per_epoch=10, epochs=2)
    with pytest.raises(UserError, match="gamma is -1; it must be 0 or more"):
        Step(gamma=-1)
    for floor in (-0.1, 1.5):
        with pytest.raises(UserError, match=f"floor is {floor}; it must be between 0 and 1"):
            Cosine(steps=3, floor=floor)


def test_the_schedule_of_the_how_to_page():
    page = (Path(__file__).parents[2] / "docs/how-to/add-an-optimizer.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page.partition("## A learning-rate schedule")[2], re.DOTALL)
    try:
        exec(compile(code, "page", "exec"), {"__name__": "page"})
        options = bp.spec(schedule="inverse", half=5).optimizer
        assert factors(make_optimizer(options, 2, 9).schedule, 21)[::10] == [1, 1 / 2, 1 / 3]
    finally:
        SCHEDULES.forget("page")
