"""Files as users write them, right and with faults planted outside of what their samples show."""

HEAD = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
import backproof as bp
from backproof.graph import Loss, Op, ParameterSpec, Sample, Shape
from backproof.optim import Optimizer
"""

ACTIVATION = (
    HEAD
    + """
@dataclass(frozen=True)
class Act(Op):
    def output_shape(self, *inputs):
        return inputs[0]

    @classmethod
    def samples(cls):
        yield Sample(op=cls(), shapes=((5, 4),))
        yield Sample(op=cls(), shapes=((3, 2, 3, 3),))

@bp.custom.kernel(Act)
class ActKernel:
    def forward(self, op, inputs, p, call):
        (x,) = inputs
        y = np.tanh(x)
        # forward
        return y, (x, y)

    def backward(self, op, dy, saved, p, g, call):
        x, y = saved
        dx = dy * (1 - np.tanh(x) ** 2)
        # backward
        return (dx,)
"""
)

LAYER = (
    HEAD
    + """
@dataclass(frozen=True)
class Dense(Op):
    out: int = 3

    def output_shape(self, *inputs):
        return Shape("N", self.out)

    def parameters(self, *inputs):
        return {"weight": ParameterSpec(shape=(self.out, int(inputs[0][1]))), "bias": ParameterSpec(shape=(self.out,))}

    @classmethod
    def samples(cls):
        yield Sample(op=cls(), shapes=((5, 4),))

@bp.custom.kernel(Dense)
class DenseKernel:
    def forward(self, op, inputs, p, call):
        (x,) = inputs
        y = x @ p["weight"].T + p["bias"]
        # forward
        return y, (x,)

    def backward(self, op, dy, saved, p, g, call):
        (x,) = saved
        w = p["weight"]
        dw, db, dx = dy.T @ x, dy.sum(0), dy @ w
        # backward
        g["weight"][...], g["bias"][...] = dw, db
        return (dx,)
"""
)

LOSS = (
    HEAD
    + """
@dataclass(frozen=True)
class CE(Loss):
    def output_shape(self, *inputs):
        return Shape()

    def target(self, prediction):
        return Shape(prediction[0]), "int"

    @classmethod
    def samples(cls):
        yield Sample(op=cls(), shapes=((5, 4), (5,)))

    def draw_inputs(self, rng, *shapes):
        return rng.standard_normal(shapes[0]), rng.integers(0, shapes[0][1], shapes[1])

@bp.custom.kernel(CE)
class CEKernel:
    def forward(self, op, inputs, p, call):
        x, labels = inputs
        z = x - x.max(1, keepdims=True)
        log_q = z - np.log(np.exp(z).sum(1, keepdims=True))
        y = -np.mean(np.take_along_axis(log_q, labels[:, None], 1))
        # forward
        return y, (x, log_q, labels)

    def backward(self, op, dy, saved, p, g, call):
        x, log_q, labels = saved
        dx = dy / len(x) * (np.exp(log_q) - (labels[:, None] == np.arange(x.shape[1])))
        # backward
        return dx, None
"""
)


OPTIMIZER = (
    HEAD
    + """
@dataclass(frozen=True, kw_only=True)
class Ball(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("v",)
    momentum: float = 0.9

@bp.custom.update(Ball)
def ball(o, w, g, lr, t, v):
    # gradient
    v = o.momentum * v + g
    dw = lr * v
    # change
    return w - dw, v
"""
)

FORMULA = """
@bp.custom.formula(Ball)
def formula(o, w, g, lr, t, v):
    v = o.momentum * v + g
    return w - lr * v, v
"""

PYTORCH = """
@bp.custom.pytorch(Ball)
def expression(o, parameters):
    import torch
    return torch.optim.SGD(parameters, lr=o.lr, momentum=o.momentum)
"""


def planted(text: str, one: str = "", two: str = "") -> str:
    """The file with a line more in `forward`, in `backward`, or both; of an optimizer before or after its formula."""
    places = ("# gradient", "# change") if "# gradient" in text else ("# forward", "# backward")
    for place, line in zip(places, (one, two), strict=True):
        if line:
            assert text.count(place) == 1
            text = text.replace(place, line)
    return text


def declared(
    name: str,
    samples: str,
    forward: str,
    backward: str,
    *,
    base: str = "Op",
    fields: str = "pass",
    shape: str = "return inputs[0]",
    parameters: str = "{}",
    more: str = "",
    expression: str = "",
) -> str:
    """A file with one operation out of the lines that it consists of."""
    indented = ["\n".join(f"        {line}" for line in lines.strip().split("\n")) for lines in (forward, backward)]
    text = f"""{HEAD}
@dataclass(frozen=True)
class {name}({base}):
    {fields}

    def output_shape(self, *inputs):
        {shape}

    def parameters(self, *inputs):
        return {parameters}

    @classmethod
    def samples(cls):
        {samples}
{more}
@bp.custom.kernel({name})
class {name}Kernel:
    def forward(self, op, inputs, p, call):
{indented[0]}

    def backward(self, op, dy, saved, p, g, call):
{indented[1]}
"""
    if expression:
        text += f"""
@bp.custom.pytorch({name})
def expression(op, inputs, p):
    import torch

    {expression}
"""
    return text
