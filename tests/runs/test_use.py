"""What users write: trained with, kept with the run, found again, and never executed by mere reading."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import forget_users_files

import backproof as bp
from backproof.cli import main
from backproof.engines import custom, get_engine, installed
from backproof.errors import UserError
from backproof.graph import Shape, initial_parameters
from backproof.models import build
from backproof.runs.launch import resume
from backproof.user_file import EXECUTED, FORGETTERS, INSTEAD, PACKAGES

PARTS = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import backproof as bp
from backproof.graph import Loss, Op, Sample, Sequential, Shape
from backproof.metrics import Metric
from backproof.ops import Conv2d, Flatten, Linear, MaxPool2d, Tanh
from backproof.optim import Optimizer
from backproof.option import option

@dataclass(frozen=True)
class MyTanh(Op):
    scale: float = 1.0

    def output_shape(self, *inputs):
        return inputs[0]

@bp.custom.kernel(MyTanh)
class MyTanhKernel:
    def forward(self, op, inputs, p, call):
        y = np.tanh(op.scale * inputs[0])
        assert inputs[0].ndim != 4 or inputs[0].shape[1] == 4, "images are N,C,H,W"
        return y, (y,)

    def backward(self, op, dy, saved, p, g, call):
        (y,) = saved
        return (op.scale * dy * (1 - y**2),)

@bp.custom.pytorch(MyTanh)
def my_tanh(op, inputs, p):
    import torch
    return torch.tanh(op.scale * inputs[0])

@dataclass(frozen=True, kw_only=True)
class Ball(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("v",)
    mass: float = option(0.9, "How heavy the ball is.", minimum=0)

@bp.custom.update(Ball)
def ball(o, w, g, lr, t, v):
    v = o.mass * v + g
    return w - lr * v, v

@bp.custom.metric
class Certain(Metric):
    """Samples whose highest score is above 0."""
    name = title = short = "certain"
    tasks = ("classification",)

    def count(self, prediction, target):
        return np.array([np.sum(prediction.max(1) > 0), len(prediction)], np.float64)

    def value(self, totals):
        return totals[0] / totals[1]

def net(input, classes, act="mine"):
    chosen = MyTanh() if act == "mine" else Tanh()
    return Sequential(
        ("conv", Conv2d(4, 3)), ("act", chosen), ("pool", MaxPool2d(2)), ("flat", Flatten()), ("fc", Linear(classes))
    ).build(input)
'''

SMALL = ["--dataset", "digits", "--select", "0-199", "--epochs", "1", "--name", "a"]
MINE = ["train", *SMALL, "--use", "mine.py", "--model", "mine.py:net"]


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PARTS)


def said(capsys) -> str:
    return capsys.readouterr().err


@pytest.mark.parametrize("engine", ["numpy", "numba", "torch", "jax", "reference"])
def test_a_custom_operation_is_computed_as_ours_is(engine):
    if not installed(engine):
        pytest.skip(f"{engine} is not installed")
    net = build("mine.py:net", Shape("N", 1, 6, 6), 3, {})
    ours = build("mine.py:net", Shape("N", 1, 6, 6), 3, {"act": "ours"})
    inputs = {"x": np.random.default_rng(0).standard_normal((5, 1, 6, 6))}
    chosen = get_engine(engine)
    if engine == "jax":
        with pytest.raises(
            UserError,
            match=r"no kernel for 'act' \(MyTanh\); write one with @bp.custom.kernel\(MyTanh, engine=\"jax\"\)",
        ):
            chosen.compile(net, initial_parameters(net), dtype="float64")
        return
    found, expected = (
        chosen.compile(g, initial_parameters(g), dtype="float64").forward(inputs)["fc"] for g in (net, ours)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_same_bits_as_our_own_optimizer_and_operation():
    """Momentum and Tanh written by hand train as backproof's own: an independent expectation for a whole run."""
    common = {"dataset": "digits", "select": "0-199", "epochs": 2, "model": "mine.py:net", "runs_dir": "r"}
    mine = bp.train(**common, optimizer="mine.py:Ball", lr=0.05, mass=0.5)
    ours = bp.train(**common, optimizer="momentum", lr=0.05, momentum=0.5, model_option=["act=ours"])
    for name, value in ours.weights().items():
        np.testing.assert_allclose(mine.weights()[name], value, rtol=1e-5, atol=1e-7)


def test_trained_kept_and_read_without_executing(capsys):
    assert main([*MINE, "--optimizer", "mine.py:Ball", "--mass", "0.8", "--show-samples", "2"]) == 0
    run = Path("runs/a")
    (record,) = json.loads((run / "use" / "used.json").read_text())
    assert (record["use"], record["kept"]) == ("mine.py", "mine.py")
    assert (run / "use" / "mine.py").read_text() == PARTS
    assert "certain" in (run / "metrics.jsonl").read_text()
    forget_users_files()
    Path("mine.py").unlink()
    (run / "use" / "mine.py").write_text("raise SystemExit('executed')")
    opened = bp.open_run(run)
    assert [str(node.op) for node in opened.graph.nodes][1] == "MyTanh(scale=1.0)"
    assert opened.graph.shapes["act"] == Shape("N", 4, 6, 6)
    assert opened.spec.optimizer.mass == 0.8
    assert main(["report", "runs/a"]) == 0
    assert main(["compare", "runs/a"]) == 0
    assert "MyTanh" in Path("report.html").read_text()
    assert EXECUTED == {}


def test_a_metric_of_another_file_is_not_measured():
    Path("other.py").write_text(
        PARTS.split("@dataclass")[0] + "@bp.custom.metric" + PARTS.split("@bp.custom.metric")[1]
    )
    run = bp.train(use=["other.py"], dataset="digits", select="0-99", epochs=1)
    assert run.epochs()[0].dev.certain >= 0
    plain = bp.train(dataset="digits", select="0-99", epochs=1)
    assert "certain" not in plain.epochs()[0].dev
    assert not (plain.path / "use").exists()


def test_resumed_to_the_same_bits_from_the_copy(capsys):
    long = [*MINE[:6], "2", "--name", "b", *MINE[8:]] if MINE[5] == "--epochs" else []
    long = [
        "train",
        "--dataset",
        "digits",
        "--select",
        "0-199",
        "--epochs",
        "2",
        "--name",
        "b",
        *MINE[len(SMALL) + 1 :],
    ]
    assert main(MINE) == main(long) == 0
    forget_users_files()
    Path("mine.py").rename("moved.py")
    capsys.readouterr()
    assert main(["train", "--resume", "runs/a", "--epochs", "2"]) == 2
    assert "uses 'mine.py', which is not there any more; say where it is by --use" in said(capsys)
    assert main(["train", "--resume", "runs/a", "--epochs", "2", "--use-kept"]) == 0
    for name, value in bp.open_run("runs/b").weights().items():
        np.testing.assert_array_equal(bp.open_run("runs/a").weights()[name], value)
    forget_users_files()
    assert main(["train", "--resume", "runs/a", "--epochs", "3", "--use", "moved.py"]) == 0
    assert not INSTEAD
    assert bp.open_run("runs/a").spec.model.use == ("mine.py",)


@pytest.mark.parametrize("where", [["--use-kept"], ["--use", "moved.py"]])
def test_a_run_is_checked_with_a_file_that_was_moved(where, capsys):
    assert main(MINE) == 0
    forget_users_files()
    Path("mine.py").rename("moved.py")
    assert main(["check", "run", "runs/a", "--engines", "numpy", "--steps", "1"]) == 2
    assert "which is not there any more; say where it is by --use" in said(capsys)
    assert main(["check", "run", "runs/a", "--engines", "numpy", "--steps", "1", *where]) == 0


def test_a_changed_file_is_refused(capsys):
    assert main(MINE) == 0
    forget_users_files()
    Path("mine.py").write_text(PARTS.replace("np.tanh(op", "np.sin(op"))
    assert main(["train", "--resume", "runs/a", "--epochs", "2"]) == 2
    assert "'mine.py' is not what it was when run 'a' began" in said(capsys)
    assert main(["train", "--use-kept", *SMALL]) == 2
    assert "--use-kept is for --resume RUN" in said(capsys)


def test_what_a_stranger_planted_is_not_executed(capsys):
    assert main(MINE) == 0
    forget_users_files()
    run = Path("runs/a")
    evil = "raise SystemExit('executed')\n"
    Path("runs/a/evil.py").write_text(evil)
    spec = (run / "spec.toml").read_text()
    (run / "spec.toml").write_text(
        spec.replace('"mine.py"', '"runs/a/evil.py"').replace("mine.py:net", "runs/a/evil.py:net")
    )
    for command in (["report", "runs/a"], ["compare", "runs/a"]):
        assert main(command) == 0
    for command in (["train", "--resume", "runs/a", "--epochs", "2"], ["check", "run", "runs/a"]):
        assert main(command) == 2
        assert "uses 'runs/a/evil.py', but keeps no record of it; name it by --use" in said(capsys)
    with pytest.raises(UserError, match="keeps no record"):
        bp.open_run(run).predictor()
    record = json.loads((run / "use" / "used.json").read_text())
    from hashlib import sha256

    record[0] |= {"use": "runs/a/evil.py", "sha256": sha256(evil.encode()).hexdigest(), "kept": "../../../mine.py"}
    (run / "use" / "used.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="in its own folder"):
        resume(run)
    with pytest.raises(UserError, match="is damaged"):
        resume(run, use_kept=True)
    assert EXECUTED == {}


def test_a_predictor_of_an_opened_run():
    assert main(MINE) == 0
    inputs = {"x": np.ones((2, 1, 8, 8), np.float32)}
    expected = bp.open_run("runs/a").predictor().forward(inputs)["fc"]
    forget_users_files()
    shutil.move("mine.py", "gone.py")
    with pytest.raises(UserError, match="which is not there any more"):
        bp.open_run("runs/a").predictor()
    found = bp.open_run("runs/a", use_kept=True).predictor().forward(inputs)["fc"]
    np.testing.assert_array_equal(found, expected)


def test_a_neighbour_is_kept_too():
    Path("helper.py").write_text("from mine import net as inner\n")
    Path("model.py").write_text("import helper\ndef outer(i, c):\n    return helper.inner(i, c, act='ours')\n")
    run = bp.train(dataset="digits", select="0-99", epochs=1, model="model.py:outer")
    assert {p.name for p in (run.path / "use").iterdir()} == {"used.json", "model.py", "helper.py", "mine.py"}


def test_a_kernel_for_one_of_ours_runs_where_it_is_used():
    Path("relu.py").write_text(
        "import numpy as np, backproof as bp\nfrom backproof.ops import Linear\n"
        "@bp.custom.kernel(Linear)\nclass Mine:\n"
        "    calls = 0\n"
        "    def forward(self, op, inputs, p, call):\n"
        "        Mine.calls += 1\n"
        "        return inputs[0] @ p['weight'].T + (p['bias'] if 'bias' in p else 0), inputs\n"
        "    def backward(self, op, dy, saved, p, g, call):\n"
        "        g['weight'][...] = dy.T @ saved[0]\n"
        "        if 'bias' in g: g['bias'][...] = dy.sum(0)\n"
        "        return (dy @ p['weight'],)\n"
    )
    common = {"dataset": "digits", "select": "0-199", "epochs": 1, "layers": [16]}
    mine = bp.train(**common, use=["relu.py"])
    (source,) = EXECUTED.values()
    calls = source.module.Mine.calls
    assert calls > 0
    ours = bp.train(**common)
    assert source.module.Mine.calls == calls
    for name, value in ours.weights().items():
        np.testing.assert_allclose(mine.weights()[name], value, rtol=1e-4, atol=1e-6)
    notes = Notes()
    bp.train(**common, use=["relu.py"], engine="reference", dtype="float64", observers=[notes])
    assert "your own Linear computes in numpy and numba alone; 'reference' takes its own" in notes.found
    assert source.module.Mine.calls == calls


class Notes(bp.Observer):
    def run_started(self, event):
        self.found = event.notes


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        ("none.py", "'none.py': there is no file 'none.py'"),
        ("folder/", "'folder/': 'folder' cannot be read: Is a directory"),
        ("text.txt", "'text.txt' is no Python file; its name must end in .py"),
        ("no.such.package", "there is no package 'no.such.package', and a file's name ends in .py"),
        ("no_such_package", "there is no package 'no_such_package'"),
        ("bad.py", "'bad.py', line 2: ZeroDivisionError"),
        ("exits.py", "'exits.py', line 1: SystemExit: 3"),
        ("bytes.py", "'bytes.py'"),
        ("lines.py", "'lines.py', line 1: ValueError: two lines"),
        ("gelu.py", "operation 'GELU' is one of backproof's own; give yours another name"),
        ("half.py", "Half has no method backward"),
        ("wrong.py", r"kernel\(str\) belongs to an operation"),
        ("engine.py", "engine='tpu' takes nothing written by hand; take one of numpy, torch, jax"),
    ],
)
def test_files_that_cannot_be_used(use, sentence, capsys):
    import re

    op = "from backproof.graph import Op\nimport backproof as bp\n"
    Path("folder").mkdir()
    Path("text.txt").write_text("")
    Path("bad.py").write_text("x = 1\nx / 0\n")
    Path("exits.py").write_text("raise SystemExit(3)\n")
    Path("lines.py").write_text("raise ValueError('two\\nlines')")
    Path("bytes.py").write_bytes(b"\x00\xff")
    Path("gelu.py").write_text(op + "@bp.custom.operation\nclass GELU(Op): pass\n")
    Path("half.py").write_text(
        op + "class A(Op): pass\n@bp.custom.kernel(A)\nclass Half:\n    def forward(self): pass\n"
    )
    Path("wrong.py").write_text(op + "@bp.custom.kernel(str)\nclass K: pass\n")
    Path("engine.py").write_text(op + "class A(Op): pass\n@bp.custom.kernel(A, engine='tpu')\nclass K: pass\n")
    for command in (["train", *SMALL, "--use", use], ["models", "--use", use]):
        assert main(command) == 2
        err = said(capsys)
        assert re.search(sentence, err), err
        assert err.count("\n") == 1
    assert not Path("runs").exists()


def test_two_files_with_one_name(capsys):
    shutil.copy("mine.py", "second.py")
    assert main([*MINE, "--use", "second.py"]) == 2
    assert "two operations are called 'MyTanh', in mine.py and in second.py; rename one" in said(capsys)


def test_an_operation_without_a_shape_rule(capsys):
    Path("mine.py").write_text(PARTS.replace("def output_shape", "def shape_of_output"))
    assert main(MINE) == 2
    assert "NotImplementedError: MyTanh has no method output_shape" in said(capsys)


def test_a_kernel_that_stops_in_training_says_the_line(capsys):
    Path("mine.py").write_text(PARTS.replace("y = np.tanh(op.scale * inputs[0])", "y = inputs[0].oops"))
    assert main(MINE) == 2
    assert "MyTanhKernel.forward, line 24: AttributeError" in said(capsys)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ("y.astype(complex)", "MyTanhKernel.forward: the output has dtype complex128; it must be of real numbers"),
        ("y.astype(str)", "MyTanhKernel.forward: the output has dtype <U32; it must be of real numbers"),
        ("[][1]", "MyTanhKernel.forward, line 26: IndexError: list index out of range"),
        ("(_ for _ in ()).throw(ValueError('two\\nlines'))", "line 26: ValueError: two lines"),
        ("(_ for _ in ()).throw(ValueError)", "line 26: ValueError\n"),
    ],
)
def test_what_a_kernel_returns_is_said_in_one_line(returned, sentence, capsys):
    text = PARTS.replace("return y, ", f"return {returned}, ", 1)
    assert text != PARTS
    Path("mine.py").write_text(text)
    assert main(MINE) == 2
    assert sentence in said(capsys)


MORE = """
from backproof.optim import Schedule

@bp.custom.schedule
@dataclass(frozen=True, kw_only=True)
class Steep(Schedule):
    def factor(self, step):
        return 1.0

@bp.custom.initializer("halves")
def halves(rng, spec):
    return np.full(spec.shape, 0.5)
"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("def count(", "def counts(", "metric 'certain': NotImplementedError: Certain has no method count"),
        ("return np.array([np.sum", "return np.array([oops, np.sum", "metric 'certain', line LINE: NameError"),
        ("return totals[0] / totals[1]", "return totals", "metric 'certain': TypeError"),
        ("return totals[0] / totals[1]", "return None", "metric 'certain': TypeError"),
        (
            "return w - lr * v, v",
            "return (w - lr * v)[:1], v",
            "ball returns shape (1,) for w; it returns arrays of one",
        ),
        ("return w - lr * v, v", "return w, None", "ball returns nothing for v; it returns arrays of one shape"),
        ("return w - lr * v, v", "return w, 1j * v", "ball returns complex64 for v; it must be of real numbers"),
        ("return 1.0", "return None", "schedule 'Steep': TypeError"),
        ("return 1.0", "return 1 / 0", "schedule 'Steep', line LINE: ZeroDivisionError"),
        ("return np.full(spec.shape, 0.5)", "return oops", "initializer 'mine.py:halves', line LINE: NameError"),
    ],
)
def test_mistakes_of_other_parts_are_one_sentence(old, new, sentence, capsys):
    assert old in PARTS + MORE
    text = (PARTS + MORE).replace(old, new)
    Path("mine.py").write_text(text)
    parts = ["--optimizer", "ball", "--schedule", "mine.py:Steep", "--init", "mine.py:halves"]
    assert main([*MINE, *parts]) == 2
    err = said(capsys)
    assert sentence.replace("LINE", str(text[: text.index(new)].count("\n") + 1)) in err
    assert err.count("\n") == 1


def test_a_session_is_kept_as_text(monkeypatch):
    custom_model = bp.custom.model("session_net")
    try:

        @custom_model
        def session_net(input, classes):
            return build("mlp", input, classes, {"layers": (4,)})

        run = bp.train(dataset="digits", select="0-99", epochs=1, model="session_net")
        assert "def session_net(input, classes):" in (run.path / "use" / "session.py").read_text()
        assert bp.resume(run, epochs=2).status == "finished"

        @custom_model
        def session_net(input, classes):  # noqa: F811
            return build("mlp", input, classes, {"layers": (5,)})

        with pytest.raises(UserError, match="session_net of run 'session_net-numpy' were defined otherwise"):
            bp.resume(run, epochs=3)
    finally:
        from backproof.models import MODELS

        del MODELS["session_net"]


def test_the_use_option_of_other_commands(capsys):
    assert main(["models", "--use", "mine.py", "mine.py:net", "--input", "1,8,8"]) == 0
    assert "MyTanh" in capsys.readouterr().out
    assert main(["check", "op", "MyTanh", "--use=mine.py", "--engines", "numpy"]) == 2
    assert "MyTanh has no samples" in said(capsys)
    assert main(["check", "optimizer", "ball", "--use=mine.py", "--engines", "numpy"]) == 3  # it has no formula
    assert main(["models", "--use"]) == 2
    assert "--use needs a file" in said(capsys)
    assert "MyTanh" not in {op.__name__ for op in custom.KERNELS["numpy"]} or EXECUTED


def test_a_package_is_used_by_its_name_or_entry_point(tmp_path, monkeypatch, capsys):
    package = tmp_path / "installed" / "my_ball"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from my_ball import parts\n")
    (package / "parts.py").write_text(PARTS)
    info = tmp_path / "installed" / "my_ball-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-ball\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[backproof.plugins]\nbouncing = my_ball\n")
    (info / "top_level.txt").write_text("my_ball\n")
    (info / "RECORD").write_text("my_ball/__init__.py,,\nmy_ball/parts.py,,\n")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    try:
        assert main(["train", *SMALL, "--use", "bouncing", "--optimizer", "ball", "--mass", "0.5"]) == 0
        (record,) = json.loads(Path("runs/a/use/used.json").read_text())
        assert (record["use"], record["version"], record["kept"]) == ("bouncing", "1.5", "")
        assert not Path("runs/a/use/session.py").exists()
        assert bp.resume("runs/a", epochs=2).status == "finished"
        assert main(["train", *SMALL, "--use", "bounces"]) == 2
        assert "installed with parts for backproof are: bouncing" in said(capsys)
    finally:
        for name in ("my_ball", "my_ball.parts"):
            del sys.modules[name]
        for forget in FORGETTERS:
            forget("my_ball.parts")
        PACKAGES.clear()
