"""A user's own file: right ones pass, and every mistake gets a sentence that says what would be right."""

import re
from os.path import relpath
from pathlib import Path

import pytest

from backproof.engines import installed
from backproof.errors import UserError
from backproof.verify.custom.file import check_file

HEAD = """
from dataclasses import dataclass
import numpy as np
import backproof as bp
from backproof.graph import Op, ParameterSpec, Sample, Shape
from backproof.optim import Optimizer

@dataclass(frozen=True)
class Scale(Op):
    def output_shape(self, *inputs):
        return inputs[0]

    def parameters(self, *inputs):
        return {"weight": ParameterSpec(shape=tuple(inputs[0])[1:])}

    @classmethod
    def samples(cls):
        yield Sample(op=cls(), shapes=((3, 2),))
"""

KERNEL = """
@bp.testing.kernel(Scale)
class ScaleKernel:
    def forward(self, op, inputs, p, call):
        (x,) = inputs
        return x * p["weight"], (x,)

    def backward(self, op, dy, saved, p, g, call):
        (x,) = saved
        g["weight"][...] = (dy * x).sum(0)
        return (dy * p["weight"],)
"""

EXPRESSION = """
@bp.testing.pytorch(Scale)
def expression(op, inputs, p):
    return inputs[0] * p["weight"]
"""


@pytest.fixture
def write(tmp_path: Path):
    def written(text: str) -> Path:
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return written


def test_a_right_one_passes(write):
    report = check_file(write(HEAD + KERNEL + EXPRESSION))
    assert report.failures == ()
    assert report.passed
    assert report.subjects == ("Scale",)
    references = {f.reference for f in report.findings if f.verdict == "agrees"}
    assert references == {"finite differences", "contract"} | ({"PyTorch expression"} if installed("torch") else set())


def test_a_kernel_for_an_operation_of_ours_is_compared_with_the_reference(write):
    report = check_file(
        write(
            "import backproof as bp, numpy as np\nfrom backproof.ops import Sigmoid\n"
            + KERNEL.replace("Scale", "Sigmoid")
            .replace('return x * p["weight"], (x,)', "y = 1 / (1 + np.exp(-x)); return y, (y,)")
            .replace('g["weight"][...] = (dy * x).sum(0)', "")
            .replace('dy * p["weight"]', "dy * x * (1 + x)")
        ),
        seeds=(0,),
    )
    wrong = {(f.what, f.reference) for f in report.failures}
    assert wrong == {("gradient of input x0", "reference")}


@pytest.mark.parametrize(
    ("old", "new", "what", "reference"),
    [
        ('(dy * p["weight"],)', "(dy,)", "gradient of input x0", "finite differences"),
        ("(dy * x).sum(0)", "(dy * x).mean(0)", "gradient of weight", "finite differences"),
        ("(dy * x).sum(0)", "(dy * x).sum(0) * 1.000001", "gradient of weight", "finite differences"),
    ],
)
def test_a_wrong_gradient_is_named(write, old, new, what, reference):
    text = HEAD + KERNEL
    assert old in text
    path = write(text.replace(old, new))
    report = check_file(path)
    assert {(f.what, f.reference) for f in report.failures} == {(what, reference)}
    on_samples = {f.replay for f in report.failures if "smallest" not in f.case}
    assert on_samples == {f"backproof check {path}"}
    assert all(relpath(path) in f.replay for f in report.failures if "smallest" in f.case)


@pytest.mark.skipif(not installed("torch"), reason="PyTorch is not installed")
def test_a_gradient_that_is_missing_is_told_beside_an_expression(write):
    text = HEAD + KERNEL + EXPRESSION
    assert 'return (dy * p["weight"],)' in text
    report = check_file(write(text.replace('return (dy * p["weight"],)', "return (None,)")))
    details = {f.detail for f in report.failures if f.what == "shapes and dtypes"}
    assert details == {"gradient of input x0 is missing"}
    assert {f.what for f in report.findings if f.reference == "PyTorch expression"} == {"output", "gradient of weight"}


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("(x,) = inputs", "(x,) = inputs; x += 1", "ScaleKernel.forward writes into an array that it is given"),
        ("(x,) = saved", "(x,) = saved; dy *= 2", "ScaleKernel.backward writes into an array that it is given"),
        ("(x,) = saved", "(x,) = saved; x.oops", "ScaleKernel.backward, line 27: AttributeError"),
        (
            'return x * p["weight"], (x,)',
            'return x * p["weight"]',
            "it returns the output and a tuple",
        ),
        ('return x * p["weight"], (x,)', "return x.sum(0), (x,)", r"shape \(2,\) where output_shape says \(3, 2\)"),
        ('return x * p["weight"], (x,)', "return np.float32(x), (x,)", "the output is float32, not float64"),
        ('return (dy * p["weight"],)', 'return dy * p["weight"]', "returns an array, not a tuple of gradients"),
        ('return (dy * p["weight"],)', "return dy, dy", "returns 2 gradients where Scale takes 1 inputs"),
        ('return (dy * p["weight"],)', "return (dy[0],)", r"input 0 has shape \(2,\) where the input has \(3, 2\)"),
        ('g["weight"][...] = (dy * x).sum(0)', "pass", r"leaves g\['weight'\] unfilled"),
        ('g["weight"][...] = (dy', 'g["weight"][...] += (dy', r"leaves g\['weight'\] unfilled; set it, and do not add"),
        ('g["weight"][...] =', 'g["weight"] =', r"puts a new array into g\['weight'\]"),
    ],
)
def test_a_kernel_that_breaks_the_contract_is_told_so(write, old, new, sentence):
    assert old in HEAD + KERNEL
    report = check_file(write((HEAD + KERNEL).replace(old, new)))
    (first, *_) = report.failures
    assert first.verdict == "failed"
    assert re.search(sentence, first.detail), first.detail


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(:", "line 1: SyntaxError"),
        ("import nothing_of_that_name", "line 1: ModuleNotFoundError"),
        ("x = 1", "declares nothing to check"),
        (HEAD, "Scale has no kernel; put @bp.custom.kernel"),
        (HEAD.replace("yield Sample(op=cls(), shapes=((3, 2),))", "return iter(())") + KERNEL, "Scale has no samples"),
        (HEAD.replace("yield Sample(op=cls(), shapes=((3, 2),))", "yield 3") + KERNEL, "yields a int, not a Sample"),
        (HEAD.replace("return inputs[0]", "return inputs[1]") + KERNEL, "line 11: Scale on its sample .* IndexError"),
        (
            HEAD.replace("return inputs[0]", "raise bp.UserError('no')") + KERNEL,
            r"Scale refuses its own sample .*: node 'op' on \(N, 2\): no",
        ),
        (HEAD + "@dataclass(frozen=True, kw_only=True)\nclass Mine(Optimizer): pass\n" + KERNEL, "Mine has no update"),
        (HEAD + KERNEL.replace("def backward", "def back"), "ScaleKernel has no method backward"),
    ],
)
def test_a_declaration_that_is_not_whole_is_refused(write, text, sentence):
    with pytest.raises(UserError, match=sentence):
        check_file(write(text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        check_file(tmp_path / "no.py")


OPTIMIZER = """
from dataclasses import dataclass
from typing import ClassVar
import backproof as bp
from backproof.optim import Optimizer

@dataclass(frozen=True, kw_only=True)
class HeavyBall(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("v",)
    momentum: float = 0.9

@bp.testing.update(HeavyBall)
def heavy_ball(o, w, g, lr, t, v):
    v = o.momentum * v + g
    return w - lr * v, v

@bp.testing.pytorch(HeavyBall)
def expression(o, parameters):
    import torch
    return torch.optim.SGD(parameters, lr=o.lr, momentum=o.momentum)
"""


@pytest.mark.skipif(not installed("torch"), reason="PyTorch is not installed")
def test_an_optimizer_against_pytorchs(write):
    assert check_file(write(OPTIMIZER)).passed
    report = check_file(write(OPTIMIZER.replace("* v + g", "* v + 0.1 * g")))
    assert not report.passed
    assert {f.what for f in report.failures} == {"weight"}
    assert "1 step of 1 number" in report.first_failure.case


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("return w - lr * v, v", "return w - lr * v", r"heavy_ball returns an array; it returns \(w, v\)"),
        ("return w - lr * v, v", "return w / int(0), o.oops", "heavy_ball, line 15: "),
        ("return w - lr * v, v", "return w - v, v", "moves"),
        ("return w - lr * v, v", "return w * float('nan'), v", "is not finite"),
    ],
)
def test_an_optimizer_that_breaks_the_contract_is_told_so(write, old, new, sentence):
    report = check_file(write(OPTIMIZER.replace(old, new).split("@bp.testing.pytorch")[0]))
    details = " ".join(f.detail for f in report.failures)
    assert re.search(sentence, details), details
