"""The check of operations: right engines pass, and what breaks the contract is found."""

from typing import ClassVar

import numpy as np

from backproof.engines import get_engine
from backproof.engines.reference import ReferenceEngine
from backproof.engines.reference.kernels import KERNELS
from backproof.engines.reference.trainer import ReferenceTrainer
from backproof.ops import BatchNorm, Linear, MaxPool2d, ReLU, Resize
from backproof.verify.operations.check import check_ops


def test_right_engines_pass():
    report = check_ops([get_engine("reference"), get_engine("numpy")], [Linear, BatchNorm, MaxPool2d], seeds=(0,))
    assert report.passed
    assert report.subjects == ("Linear", "BatchNorm", "MaxPool2d")
    assert report.engines == ("reference", "numpy")
    assert set(report.seconds) == set(report.subjects)
    references = {f.reference for f in report.findings if f.engine == "reference" and f.verdict == "agrees"}
    others = {"finite differences", "complex step", "contract"}
    assert references == {"reference", *others}, "its form over whole arrays is compared with its loops"
    assert {f.reference for f in report.findings if f.engine == "numpy"} == {"reference", "contract"}
    (float32,) = {f.detail for f in report.skipped if f.dtype == "float32"}
    assert float32 == "the reference engine computes in float64, not in float32"


def faulty(op, **methods):
    """The reference engine under another name, with a kernel that is wrong."""
    wrong = type("Wrong", (type(KERNELS[op]),), methods)()

    class Trainer(ReferenceTrainer):
        engine = "faulty"
        kernels: ClassVar = {**KERNELS, op: wrong}

    return type("Faulty", (ReferenceEngine,), {"name": "faulty", "trainer": Trainer})()


def found(engine, op):
    report = check_ops([engine], [op], seeds=(0,), dtypes=("float64",))
    assert not report.passed
    return {f.what for f in report.failures}


def test_a_kernel_that_writes_to_its_input_is_found():
    def forward(self, op, inputs, p, call):
        (x,) = inputs
        x *= 2
        return type(KERNELS[Linear]).forward(self, op, inputs, p, call)

    assert "output" in found(faulty(Linear, forward=forward), Linear)


def test_a_kernel_that_remembers_is_found():
    calls = []

    def forward(self, op, inputs, p, call):
        calls.append(1)
        return np.maximum(inputs[0], 0) + 1e-9 * len(calls), inputs * 2

    assert "the same again" in found(faulty(ReLU, forward=forward), ReLU)


def test_a_result_of_another_dtype_is_found():
    def forward(self, op, inputs, p, call):
        y, saved = type(KERNELS[ReLU]).forward(self, op, inputs, p, call)
        return y.astype(np.float32), saved

    assert "shapes and dtypes" in found(faulty(ReLU, forward=forward), ReLU)


def test_a_kernel_that_raises_has_failed():
    def backward(self, op, dy, saved, p, g, call):
        raise ZeroDivisionError("no")

    report = check_ops([faulty(ReLU, backward=backward)], [ReLU], seeds=(0,))
    assert {f.verdict for f in report.failures} == {"failed"}
    assert {f.detail for f in report.failures} == {"ZeroDivisionError: no"}


def test_what_an_engine_lacks_is_skipped_and_said():
    engine = faulty(ReLU)
    del engine.trainer.kernels[Resize]
    report = check_ops([engine], [Resize, ReLU], seeds=(0,), dtypes=("float64",))
    assert report.passed
    (skipped,) = report.skipped
    assert skipped.subject == "Resize"
    assert skipped.detail.startswith("engine 'faulty' has no kernel for")


def test_a_fault_comes_with_a_command_that_shows_it_again():
    def backward(self, op, dy, saved, p, g, call):
        return (1.01 * dy * (saved[0] > 0),)

    engine = faulty(ReLU, backward=backward)
    report = check_ops([engine], [ReLU], seeds=(0,), dtypes=("float64",))
    first = report.first_failure
    assert first.replay == "backproof check op ReLU --engines faulty --dtype float64"
    assert (first.what, first.reference) == ("gradient of input x0", "reference")
    assert "of faulty" in first.detail
