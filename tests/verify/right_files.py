"""Right files of users, each with something that a check may stumble over: none of them may be called wrong."""

from user_files import HEAD, declared

BOTH = """yield Sample(op=cls(), shapes=((5, 4),))
        yield Sample(op=cls(), shapes=((3, 2, 3, 3),))"""
ONE = "yield Sample(op=cls(), shapes=((5, 4),))"
SCORES = "yield Sample(op=cls(), shapes=((5, 4), (5,)))"
PAIRS = "yield Sample(op=cls(), shapes=((5, 4), (5, 4)))"

LABELS = """    def target(self, prediction):
        return Shape(prediction[0]), "int"
    def draw_inputs(self, rng, *shapes):
        return rng.standard_normal(shapes[0]), rng.integers(0, shapes[0][1], shapes[1])"""

LABELS_LEFT_OUT = """    def target(self, prediction):
        return Shape(prediction[0]), "int"
    def draw_inputs(self, rng, *shapes):
        y = rng.integers(0, shapes[0][1], shapes[1])
        y[rng.random(y.shape) < 0.2] = -1
        return rng.standard_normal(shapes[0]), y"""

NUMBERS = """    def target(self, prediction):
        return Shape(*prediction), "float"
"""

RIGHT = {
    # over channels
    "SoftmaxC": declared(
        "SoftmaxC",
        BOTH,
        """x, = inputs
e = np.exp(x - x.max(1, keepdims=True))
y = e / e.sum(1, keepdims=True)
return y, (y,)""",
        """y, = saved
return (y * (dy - (dy * y).sum(1, keepdims=True)),)""",
        expression="return torch.softmax(inputs[0], 1)",
    ),
    # overflows
    "NaiveSoftmax": declared(
        "NaiveSoftmax",
        BOTH,
        """x, = inputs
e = np.exp(x)
y = e / e.sum(1, keepdims=True)
return y, (y,)""",
        """y, = saved
return (y * (dy - (dy * y).sum(1, keepdims=True)),)""",
    ),
    # equal numbers have no deviation
    "LNTiny": declared(
        "LNTiny",
        BOTH,
        """x, = inputs
m = x.mean(-1, keepdims=True)
r = 1 / np.sqrt(x.var(-1, keepdims=True) + op.eps)
xh = (x - m) * r
return xh * p['weight'] + p['bias'], (xh, r)""",
        """xh, r = saved
ax = tuple(range(dy.ndim - 1))
g['weight'][...] = (dy * xh).sum(ax)
g['bias'][...] = dy.sum(ax)
d = dy * p['weight']
return (r * (d - d.mean(-1, keepdims=True) - xh * (d * xh).mean(-1, keepdims=True)),)""",
        fields="eps: float = 1e-12",
        parameters="{name: ParameterSpec(shape=(int(inputs[0][-1]),)) for name in ('weight', 'bias')}",
        expression="""shape = inputs[0].shape[-1:]
    return torch.nn.functional.layer_norm(inputs[0], shape, p['weight'], p['bias'], op.eps)""",
    ),
    # four of them
    "Kinks": declared(
        "Kinks",
        BOTH,
        """x, = inputs
return np.abs(np.clip(x, -1, 2)) + np.maximum(x, 3), (x,)""",
        """x, = saved
return (dy * (np.sign(x) * ((x > -1) & (x < 2)) + (x > 3)),)""",
    ),
    # jumps
    "HardShrink": declared(
        "HardShrink",
        ONE,
        """x, = inputs
return np.where(np.abs(x) > 0.5, x, 0), (x,)""",
        """x, = saved
return (dy * (np.abs(x) > 0.5),)""",
        expression="return torch.nn.functional.hardshrink(inputs[0], 0.5)",
    ),
    # amplifies
    "Cube": declared(
        "Cube",
        BOTH,
        """x, = inputs
return 1e3 * x ** 5, (x,)""",
        """x, = saved
return (dy * 5e3 * x ** 4,)""",
        expression="return 1e3 * inputs[0] ** 5",
    ),
    # amplifies, and overflows
    "OwnExp": declared(
        "OwnExp",
        ONE,
        """x, = inputs
y = np.exp(x)
return y, (y,)""",
        """y, = saved
return (dy * y,)""",
        expression="return torch.exp(inputs[0])",
    ),
    # differences of one width see nothing
    "SinFast": declared(
        "SinFast",
        ONE,
        """x, = inputs
return np.sin(100 * x), (x,)""",
        """x, = saved
return (dy * 100 * np.cos(100 * x),)""",
        expression="return torch.sin(100 * inputs[0])",
    ),
    # positive numbers only, with a kink at 1e-12
    "LogClip": declared(
        "LogClip",
        ONE,
        """x, = inputs
return np.log(np.maximum(x, 1e-12)), (x,)""",
        """x, = saved
return (dy * (x > 1e-12) / np.maximum(x, 1e-12),)""",
        more="""    def draw_inputs(self, rng, *shapes):
        return (rng.uniform(0.1, 2, shapes[0]),)""",
    ),
    # no slope at 0
    "SqrtAbs": declared(
        "SqrtAbs",
        ONE,
        """x, = inputs
y = np.sqrt(np.abs(x))
return y, (x, y)""",
        """x, y = saved
return (dy * np.sign(x) / (2 * y),)""",
    ),
    # a pole
    "Inverse": declared(
        "Inverse",
        ONE,
        """x, = inputs
return 1 / x, (x,)""",
        """x, = saved
return (-dy / x ** 2,)""",
    ),
    # a kink as narrow as 1e-12
    "L2NormEps": declared(
        "L2NormEps",
        BOTH,
        """x, = inputs
n = np.maximum(np.sqrt((x * x).sum(1, keepdims=True)), 1e-12)
y = x / n
return y, (x, y, n)""",
        """x, y, n = saved
inner = np.where(n > 1e-12, (dy * y).sum(1, keepdims=True), 0)
return ((dy - y * inner) / n,)""",
        expression="return torch.nn.functional.normalize(inputs[0], dim=1)",
    ),
    # masks
    "Drop": declared(
        "Drop",
        ONE,
        """x, = inputs
if not call.mode.training:
    return x.copy(), (np.ones_like(x),)
rng = np.random.default_rng((call.mode.seed, call.mode.step))
m = (rng.random(x.shape) > op.rate) / (1 - op.rate)
return x * m, (m,)""",
        """m, = saved
return (dy * m,)""",
        fields="rate: float = 0.3",
    ),
    # statistics, and two modes
    "BN": declared(
        "BN",
        """yield Sample(op=cls(), shapes=((5, 4),))
        yield Sample(op=cls(), shapes=((5, 4),), training=False)""",
        """x, = inputs
if call.mode.training:
    m, v = x.mean(0), x.var(0)
    call.state["mean"] = 0.9 * p["mean"] + 0.1 * m
    call.state["var"] = 0.9 * p["var"] + 0.1 * v * len(x) / max(len(x) - 1, 1)
else:
    m, v = p["mean"], p["var"]
r = 1 / np.sqrt(v + 1e-5)
xh = (x - m) * r
return xh * p["weight"], (xh, r)""",
        """xh, r = saved
g["weight"][...] = (dy * xh).sum(0)
d = dy * p["weight"]
if not call.mode.training:
    return (d * r,)
return (r * (d - d.mean(0) - xh * (d * xh).mean(0)),)""",
        parameters="""{
            "weight": ParameterSpec(shape=(int(inputs[0][1]),)),
            "mean": ParameterSpec(shape=(int(inputs[0][1]),), trainable=False),
            "var": ParameterSpec(shape=(int(inputs[0][1]),), trainable=False),
        }""",
    ),
    # refuses a batch of one
    "BNRaises": declared(
        "BNRaises",
        ONE,
        """x, = inputs
if len(x) < 2: raise ValueError("more than one sample is needed")
m, v = x.mean(0), x.var(0)
r = 1 / np.sqrt(v + 1e-5)
xh = (x - m) * r
return xh, (xh, r)""",
        """xh, r = saved
return (r * (dy - dy.mean(0) - xh * (dy * xh).mean(0)),)""",
    ),
    # a parameter at a kink
    "OwnPReLU": declared(
        "OwnPReLU",
        BOTH,
        """x, = inputs
a = p['a'].reshape((1, -1) + (1,) * (x.ndim - 2))
return np.where(x > 0, x, a * x), (x, a)""",
        """x, a = saved
ax = tuple(i for i in range(x.ndim) if i != 1)
g['a'][...] = (dy * x * (x <= 0)).sum(ax)
return (dy * np.where(x > 0, 1, a),)""",
        parameters='{"a": ParameterSpec(shape=(int(inputs[0][1]),))}',
        expression="return torch.nn.functional.prelu(inputs[0], p['a'])",
    ),
    # even sizes only, which it does not say
    "Pool2": declared(
        "Pool2",
        "yield Sample(op=cls(), shapes=((2, 3, 4, 6),))",
        """x, = inputs
n, c, h, w = x.shape
b = x.reshape(n, c, h // 2, 2, w // 2, 2)
y = b.max((3, 5))
m = b == y[:, :, :, None, :, None]
m = m / m.sum((3, 5), keepdims=True)
return y, (m, x.shape)""",
        """m, shape = saved
return ((m * dy[:, :, :, None, :, None]).reshape(shape),)""",
        shape="""n, c, h, w = inputs[0]
        return Shape("N", c, h // 2, w // 2)""",
    ),
    # even channels only
    "Groups": declared(
        "Groups",
        "yield Sample(op=cls(), shapes=((3, 4, 2, 2),))",
        """x, = inputs
n, c, h, w = x.shape
b = x.reshape(n, 2, -1)
y = b - b.mean(2, keepdims=True)
return y.reshape(x.shape), ()""",
        """n, c, h, w = dy.shape
b = dy.reshape(n, 2, -1)
return ((b - b.mean(2, keepdims=True)).reshape(dy.shape),)""",
    ),
    # two inputs
    "Attend": declared(
        "Attend",
        "yield Sample(op=cls(), shapes=((2, 3, 4), (2, 5, 4)))",
        """q, k = inputs
s = q @ k.transpose(0, 2, 1)
return s, (q, k)""",
        """q, k = saved
return dy @ k, dy.transpose(0, 2, 1) @ q""",
        shape='return Shape("N", inputs[0][1], inputs[1][1])',
        expression="return inputs[0] @ inputs[1].transpose(1, 2)",
        fields="arity = 2",
    ),
    # ties
    "MinMax": declared(
        "MinMax",
        ONE,
        """x, = inputs
lo, hi = x.min(1, keepdims=True), x.max(1, keepdims=True)
y = (x - lo) / (hi - lo + 1e-6)
return y, (x, y, hi - lo + 1e-6)""",
        """x, y, r = saved
lo = x == x.min(1, keepdims=True)
hi = x == x.max(1, keepdims=True)
lo = lo / lo.sum(1, keepdims=True)
hi = hi / hi.sum(1, keepdims=True)
s = (dy / r).sum(1, keepdims=True)
t = (dy * y / r).sum(1, keepdims=True)
return (dy / r - lo * s + (lo - hi) * t,)""",
    ),
    # labels
    "CrossE": declared(
        "CrossE",
        SCORES,
        """x, y = inputs
z = x - x.max(1, keepdims=True)
lq = z - np.log(np.exp(z).sum(1, keepdims=True))
w = (y >= 0) * 1.0
l = -(w * np.take_along_axis(lq, np.maximum(y, 0)[:, None], 1)[:, 0]).sum() / w.sum()
return l, (lq, y, w)""",
        """lq, y, w = saved
return dy * w[:, None] / w.sum() * (np.exp(lq) - (y[:, None] == np.arange(lq.shape[1]))), None""",
        more=LABELS,
        base="Loss",
        shape="return Shape()",
        expression="return torch.nn.functional.cross_entropy(inputs[0], inputs[1])",
    ),
    # labels that do not count
    "CrossIgnore": declared(
        "CrossIgnore",
        SCORES,
        """x, y = inputs
z = x - x.max(1, keepdims=True)
lq = z - np.log(np.exp(z).sum(1, keepdims=True))
w = (y >= 0) * 1.0
l = -(w * np.take_along_axis(lq, np.maximum(y, 0)[:, None], 1)[:, 0]).sum() / w.sum()
return l, (lq, y, w)""",
        """lq, y, w = saved
return dy * w[:, None] / w.sum() * (np.exp(lq) - (y[:, None] == np.arange(lq.shape[1]))), None""",
        more=LABELS_LEFT_OUT,
        base="Loss",
        shape="return Shape()",
    ),
    # no mean of its samples
    "CrossWeighted": declared(
        "CrossWeighted",
        SCORES,
        """x, y = inputs
z = x - x.max(1, keepdims=True)
lq = z - np.log(np.exp(z).sum(1, keepdims=True))
w = 1.0 + (y == 1)
l = -(w * np.take_along_axis(lq, np.maximum(y, 0)[:, None], 1)[:, 0]).sum() / w.sum()
return l, (lq, y, w)""",
        """lq, y, w = saved
return dy * w[:, None] / w.sum() * (np.exp(lq) - (y[:, None] == np.arange(lq.shape[1]))), None""",
        more=LABELS,
        base="Loss",
        shape="return Shape()",
    ),
    # a sum
    "CrossSum": declared(
        "CrossSum",
        SCORES,
        """x, y = inputs
z = x - x.max(1, keepdims=True)
lq = z - np.log(np.exp(z).sum(1, keepdims=True))
w = (y >= 0) * 1.0
l = -(w * np.take_along_axis(lq, np.maximum(y, 0)[:, None], 1)[:, 0]).sum()
return l, (lq, y, w)""",
        """lq, y, w = saved
return dy * w[:, None] * (np.exp(lq) - (y[:, None] == np.arange(lq.shape[1]))), None""",
        more=LABELS,
        base="Loss",
        shape="return Shape()",
    ),
    # no sum of its samples
    "RMSE": declared(
        "RMSE",
        PAIRS,
        """x, t = inputs
d = x - t
r = np.sqrt(np.mean(d * d))
return r, (d, r)""",
        """d, r = saved
g_ = dy * d / d.size / r
return g_, -g_""",
        more=NUMBERS,
        base="Loss",
        shape="return Shape()",
    ),
    # probabilities
    "MyBCE": declared(
        "MyBCE",
        PAIRS,
        """x, t = inputs
return -np.mean(t * np.log(x) + (1 - t) * np.log(1 - x)), (x, t)""",
        """x, t = saved
k = dy / x.size
return k * (x - t) / (x * (1 - x)), k * (np.log(1 - x) - np.log(x))""",
        more=NUMBERS
        + """
    probabilities = (0, 1)
    def draw_inputs(self, rng, *shapes):
        return rng.uniform(0.1, 0.9, shapes[0]), rng.uniform(0, 1, shapes[1])""",
        base="Loss",
        shape="return Shape()",
    ),
    # 0 / 0
    "MyCos": declared(
        "MyCos",
        PAIRS,
        """a, b = inputs
na, nb = [np.sqrt((v * v).sum(1, keepdims=True)) for v in (a, b)]
c = (a * b).sum(1, keepdims=True) / (na * nb)
return 1 - c.mean(), (a, b, na, nb, c)""",
        """a, b, na, nb, c = saved
k = -dy / len(a)
return k * (b / (na * nb) - c * a / na**2), k * (a / (na * nb) - c * b / nb**2)""",
        more=NUMBERS,
        base="Loss",
        shape="return Shape()",
    ),
}

OPTIMIZERS = {
    # signs
    "Lion": HEAD
    + """
@dataclass(frozen=True, kw_only=True)
class Lion(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("m",)
    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.99
@bp.custom.update(Lion)
def lion(o, w, g, lr, t, m):
    w = w - lr * np.sign(o.beta1 * m + (1 - o.beta1) * g)
    return w, o.beta2 * m + (1 - o.beta2) * g
@bp.custom.formula(Lion)
def formula(o, w, g, lr, t, m):
    c = m + (1 - o.beta1) * (g - m)
    return w - lr * np.sign(c), m - (1 - o.beta2) * (m - g)
""",
    # two formulas that round differently
    "MyAdam": HEAD
    + """
@dataclass(frozen=True, kw_only=True)
class MyAdam(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
@bp.custom.update(MyAdam)
def adam(o, w, g, lr, t, m, v):
    m = m + (1 - o.beta1) * (g - m)
    v = v + (1 - o.beta2) * (g * g - v)
    return w - lr * (m / (1 - o.beta1**t)) / (np.sqrt(v / (1 - o.beta2**t)) + o.epsilon), m, v
@bp.custom.formula(MyAdam)
def formula(o, w, g, lr, t, m, v):
    m = o.beta1 * m + (1 - o.beta1) * g
    v = o.beta2 * v + (1 - o.beta2) * g**2
    c = np.sqrt(1 - o.beta2**t)
    return w - lr * c / (1 - o.beta1**t) * m / (np.sqrt(v) + o.epsilon * c), m, v
@bp.custom.pytorch(MyAdam)
def expression(o, parameters):
    import torch
    return torch.optim.Adam(parameters, lr=o.lr, betas=(o.beta1, o.beta2), eps=o.epsilon)
""",
    # another formula from step 6 on
    "MyRAdam": HEAD
    + """
@dataclass(frozen=True, kw_only=True)
class MyRAdam(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    lr: float = 1e-3
@bp.custom.update(MyRAdam)
def radam(o, w, g, lr, t, m, v):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    mh = m / (1 - 0.9**t)
    inf = 2 / (1 - 0.999) - 1
    rho = inf - 2 * t * 0.999**t / (1 - 0.999**t)
    if rho > 5:
        r = np.sqrt((rho - 4) * (rho - 2) * inf / ((inf - 4) * (inf - 2) * rho))
        return w - lr * r * mh * np.sqrt(1 - 0.999**t) / (np.sqrt(v) + 1e-8), m, v
    return w - lr * mh, m, v
@bp.custom.pytorch(MyRAdam)
def expression(o, parameters):
    import torch
    return torch.optim.RAdam(parameters, lr=o.lr)
""",
    # uses o.lr, as it must
    "MyBound": HEAD
    + """
@dataclass(frozen=True, kw_only=True)
class MyBound(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("s",)
    final: float = 0.1
@bp.custom.update(MyBound)
def bound(o, w, g, lr, t, s):
    s = s + g * g
    f = o.final * lr / o.lr if o.lr else 0.0
    rate = np.clip(lr / (np.sqrt(s) + 1e-8), f * (1 - 1 / (t + 1)), f * (1 + 1 / t))
    return w - rate * g, s
@bp.custom.formula(MyBound)
def formula(o, w, g, lr, t, s):
    s = s + g ** 2
    f = o.final * lr / o.lr if o.lr else 0.0
    rate = np.minimum(np.maximum(lr / (np.sqrt(s) + 1e-8), f * (1 - 1 / (t + 1))), f * (1 + 1 / t))
    return w - rate * g, s
""",
    # its rate is 1
    "MyDelta": HEAD
    + """
@dataclass(frozen=True, kw_only=True)
class MyDelta(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("v", "u")
    lr: float = 1.0
@bp.custom.update(MyDelta)
def delta(o, w, g, lr, t, v, u):
    v = 0.9 * v + 0.1 * g * g
    d = np.sqrt(u + 1e-6) / np.sqrt(v + 1e-6) * g
    return w - lr * d, v, 0.9 * u + 0.1 * d * d
@bp.custom.pytorch(MyDelta)
def expression(o, parameters):
    import torch
    return torch.optim.Adadelta(parameters, lr=o.lr, rho=0.9, eps=1e-6)
""",
    # jumps where signs change
    "MyRprop": HEAD
    + """
@dataclass(frozen=True, kw_only=True)
class MyRprop(Optimizer):
    slots: ClassVar[tuple[str, ...]] = ("before", "size")
    def initial_slot(self, slot):
        return self.lr if slot == "size" else 0.0
@bp.custom.update(MyRprop)
def rprop(o, w, g, lr, t, before, size):
    s = g * before
    size = np.clip(size * np.where(s > 0, 1.2, np.where(s < 0, 0.5, 1.0)), 1e-6, 50)
    g = np.where(s < 0, 0, g)
    return w - (lr / o.lr if o.lr else 0) * np.sign(g) * size, g, size
@bp.custom.formula(MyRprop)
def formula(o, w, g, lr, t, before, size):
    up, down = g * before > 0, g * before < 0
    size = np.minimum(np.maximum(size * (1 + 0.2 * up - 0.5 * down), 1e-6), 50)
    g = g * ~down
    return w - (lr / o.lr if o.lr else 0) * np.sign(g) * size, g, size
""",
}
