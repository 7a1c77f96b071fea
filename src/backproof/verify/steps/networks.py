"""Small networks, each for something that an engine does across nodes: fusing, sharing, forgetting, turning layouts.

They are small enough for plain loops, and say with which optimizer and on batches of which sizes they are trained.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from backproof.graph import Builder, Graph, Input, Op, Shape, Value
from backproof.graph.graph import make_node
from backproof.ops import (
    L1,
    MSE,
    AdaptiveAvgPool2d,
    Add,
    Amax,
    ArgMax,
    AvgPool2d,
    BatchNorm,
    BCEWithLogits,
    Cast,
    Compare,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    Maximum,
    MaxPool2d,
    Mean,
    Mul,
    Pad,
    Parameter,
    Pow,
    ReLU,
    Reshape,
    Resize,
    Sigmoid,
    Sin,
    SmoothL1,
    SoftDice,
    Softmax,
    SoftmaxCrossEntropy,
    Sum,
    Tanh,
    View,
    WeightedSum,
    Where,
)
from backproof.optim import SGD, Cosine, Momentum, Nesterov, Optimizer

COUPLED = Momentum(lr=0.05, weight_decay=0.1)
DECOUPLED = Nesterov(lr=0.05, weight_decay=0.1, decay="decoupled", schedule=Cosine(steps=6, warmup=2))
ALL_DECAYED = SGD(lr=0.05, weight_decay=0.1, decay_all=True)
"""Linear in the gradient: others divide a gradient that cancels by its own size, and so show nothing but rounding."""


@dataclass(frozen=True)
class SmallNetwork:
    """A network with its loss, and how it is trained.

    Attributes:
        graph: with a loss; labels are classes along axis 1 of the prediction.
        optimizer: of its training steps.
        batches: sizes of the batches, one after the other. Of two samples, BatchNorm over rows leaves only a sign, and
            a gradient that cancels: they would show rounding alone.
    """

    graph: Graph
    optimizer: Optimizer = COUPLED
    batches: tuple[int, ...] = (4, 2, 7, 4, 1)


NETWORKS: dict[str, Callable[[], SmallNetwork]] = {}
"""By name; each is made when it is checked."""


def network(make: Callable[[], SmallNetwork]) -> Callable[[], SmallNetwork]:
    """Decorator: enter a network under the function's name, with hyphens."""
    NETWORKS[make.__name__.replace("_", "-")] = make
    return make


def chain(net: Builder, x: Value, *ops: Op, name: str = "") -> Value:
    """Operations one after the other, named by their class and, if it is given, `name` before it."""
    count = Counter[str]()
    for op in ops:
        own = type(op).__name__.lower()
        count[own] += 1
        again = count[own] if count[own] > 1 else ""
        x = net(f"{name}.{own}{again}" if name else f"{own}{again}", op, x)
    return x


@network
def residual() -> SmallNetwork:
    """As ResNet: BatchNorm and ReLU; BatchNorm, Add and ReLU, where the other summand is a value or a BatchNorm too."""
    net = Builder(Shape("N", 2, 6, 6))
    x = chain(net, net.x, Conv2d(3, 3, padding=1, bias=False), BatchNorm(), ReLU(), name="stem")
    h = chain(net, x, Conv2d(3, 3, padding=1, bias=False), BatchNorm(), name="1")
    x = net("1.relu", ReLU(), net("1.add", Add(), h, x))
    h = chain(net, x, Conv2d(4, 3, stride=2, padding=1, bias=False), BatchNorm(), ReLU(), name="2")
    h = chain(net, h, Conv2d(4, 3, padding=1, bias=False), BatchNorm(momentum=None), name="3")
    short = chain(net, x, Conv2d(4, 1, stride=2, bias=False), BatchNorm(), name="short")
    x = net("3.relu", ReLU(), net("3.add", Add(), short, h))
    x = chain(net, x, AdaptiveAvgPool2d(1), Flatten(), Linear(3))
    return SmallNetwork(net.graph(x).with_loss(SoftmaxCrossEntropy()), batches=(4, 3, 7, 4))


@network
def fan_out() -> SmallNetwork:
    """Values that several nodes take, of a kind that would be fused with one: nothing of them may be overwritten."""
    net = Builder(Shape("N", 5))
    a = net("bn", BatchNorm(), net("fc1", Linear(4), net.x))
    b = net("relu1", ReLU(), a)
    c = net("add1", Add(), a, b)
    d = net("fc2", Linear(4), c)
    e = net("relu2", ReLU(), d)
    f = net("mul", Mul(), e, e)
    g = net("concat", Concat(), d, f, d)
    h = net("bn2", BatchNorm(), net("fc3", Linear(4), g))
    i = net("add2", Add(), h, h)
    j = net("relu3", ReLU(), i)
    k = net("add3", Add(), net("bn3", BatchNorm(), j), net("tanh", Tanh(), b))
    x = net("add4", Add(), net("relu4", ReLU(), k), k)
    # Of the sum, both get the same gradient; to that of the one, another is added while the other still needs it.
    early, value = net("early", Linear(4), net.x), net("relu5", ReLU(), x)
    late = net("late", Tanh(), value)
    x = net("add6", Add(), late, net("add5", Add(), early, value))
    return SmallNetwork(net.graph(net("fc4", Linear(3), x)).with_loss(SoftmaxCrossEntropy()), DECOUPLED, (4, 3, 7, 4))


@network
def several_outputs() -> SmallNetwork:
    """Three outputs with a loss on each; one is a value that would have been fused into the node that takes it.

    The loss of the first value is one of the first nodes, and others come after it.
    """
    net = Builder(Shape("N", 5))
    hidden = net("fc1", Linear(3), net.x)
    main = net("fc2", Linear(3), net("relu", ReLU(), hidden))
    norm = net("bn", BatchNorm(), main)
    last = net("fc3", Linear(3), net("relu2", ReLU(), norm))
    graph = net.graph(last, hidden, norm).with_loss(SoftmaxCrossEntropy(), weights=(1.0, 0.3, 0.5))
    nodes = list(graph.nodes)
    nodes.insert(1, nodes.pop(nodes.index(graph.node["loss.fc1"])))
    return SmallNetwork(replace(graph, nodes=tuple(nodes)), ALL_DECAYED, (4, 3, 7, 4))


@network
def early_output() -> SmallNetwork:
    """The output is one of the first values, from which others go on. A sum hands to another what ReLU masks too."""
    net = Builder(Shape("N", 4))
    out = net("fc1", Linear(4), net.x)
    h = net("start", ReLU(), out)  # the only one that takes it, where there is no loss
    for i in range(4):  # taken twice by one node, and once more when its memory would serve another
        square = net(f"{i}.square", Mul(), h, h)
        act = ReLU() if i % 2 else Tanh()
        h = net(f"{i}.add", Add(), net(f"{i}.act", act, net(f"{i}.fc", Linear(4), square)), h)
        h = net(f"{i}.bounded", Tanh(), h)
    h = net("relu", ReLU(), net("add", Add(), net("fc2", Linear(4), h), h))
    return SmallNetwork(net.graph(out, h).with_loss(SoftmaxCrossEntropy(), weights=(1.0, 0.5)), batches=(4, 2, 7, 4))


@network
def first_nodes() -> SmallNetwork:
    """Nodes with weights that take the samples themselves, whose gradient a training step does not need."""
    net = Builder(Shape("N", 2, 3, 4))
    branches = [
        chain(net, net.x, op, Flatten(), name=f"{i}")
        for i, op in enumerate((BatchNorm(), LayerNorm((3, 4)), GroupNorm(1), ConvTranspose2d(1, 2), Conv2d(2, 1)))
    ]
    branches.append(chain(net, net.x, Flatten(), Linear(5), ReLU(), name="row"))
    x = chain(net, net("concat", Concat(), *branches), Linear(4), ReLU(), Linear(3), name="head")
    return SmallNetwork(net.graph(x).with_loss(SoftmaxCrossEntropy()), batches=(3, 2, 5, 3))


@network
def several_losses() -> SmallNetwork:
    """The losses of numbers, all on one prediction and one target, as parts of one cost."""
    net = Builder(Shape("N", 4))
    graph = net.graph(chain(net, net.x, Linear(5), Tanh(), Linear(3))).with_loss(MSE(), name="mse")
    shapes, taken = graph.shapes, (graph.output, "y")
    losses = [make_node(type(op).__name__.lower(), op, shapes, taken) for op in (L1(), SmoothL1(), SoftDice())]
    weighed = Input("weight", Shape("N"))
    shapes = shapes | {"weight": weighed.shape} | {loss.name: loss.shape for loss in losses}
    losses.append(make_node("weighed", BCEWithLogits(sample_weights=True), shapes, (*taken, "weight")))
    names = [loss.name for loss in losses]
    shapes = shapes | {"weighed": losses[-1].shape}
    losses.append(make_node("loss", WeightedSum((1.0, 0.5, 2.0, 0.3, 0.7)), shapes, ("mse", *names)))
    graph = replace(graph, inputs=(*graph.inputs, weighed), nodes=(*graph.nodes, *losses), loss="loss")
    return SmallNetwork(graph)


@network
def unseen_branch() -> SmallNetwork:
    """A branch that the loss does not see: its gradient is 0, yet its weights decay and its statistics move."""
    net = Builder(Shape("N", 5))
    h = net("fc1", Linear(4), net.x)
    net("side", ReLU(), net("bn", BatchNorm(), net("aside", Linear(4), h)))
    net("alone", Parameter((2, 3)))
    x = net("fc2", Linear(2), net("relu", ReLU(), h))
    return SmallNetwork(net.graph(x).with_loss(MSE()), batches=(4, 3, 7, 4))


@network
def tied_weights() -> SmallNetwork:
    """Weights that two nodes take and that are broadcast over the batch, beside images too; a constant among them."""
    net = Builder(Shape("N", 2, 3, 4))
    gate, shift = net("gate", Parameter((2, 1, 1))), net("shift", Parameter((2, 3, 4), decay=False))
    constant = net("constant", Parameter((1, 4), trainable=False))
    h = net("mul1", Mul(), gate, net("conv1", Conv2d(2, 3, padding=1), net.x))
    h = net("add1", Add(), h, shift)
    h = net("mul2", Mul(), net("tanh", Tanh(), h), gate)
    h = net("add2", Add(), shift, net("bn", BatchNorm(), h))
    h = net("mul3", Mul(), net("relu", ReLU(), h), constant)
    x = chain(net, h, Flatten(), Linear(2))
    return SmallNetwork(net.graph(x).with_loss(MSE()))


@network
def layouts() -> SmallNetwork:
    """Images, rows and sequences change into each other; operations along an axis among images and without any."""
    net = Builder(Shape("N", 2, 4, 3))
    h = chain(net, net.x, Conv2d(4, 3, padding=1), Softmax(axis=1), GroupNorm(2), LayerNorm((4, 4, 3)), name="image")
    h = net("concat", Concat(), net.x, h)
    h = chain(net, h, LayerNorm(3), Linear(4), name="lines")
    h = chain(net, h, Flatten(), Linear(24), name="row")
    h = chain(net, h, Reshape((6, 4)), LayerNorm(4), Linear(3), Softmax(axis=1), name="sequence")
    h = chain(net, h, Reshape((3, 2, 3)), Conv2d(2, 2), Flatten(), name="back")
    return SmallNetwork(net.graph(net("head", Linear(3), h)).with_loss(SoftmaxCrossEntropy()), DECOUPLED)


@network
def convolutions() -> SmallNetwork:
    """Every way to convolve, one after the other, with maps that blocks and tiles do not divide."""
    net = Builder(Shape("N", 1, 7, 6))
    h = chain(net, net.x, Conv2d(4, 3, padding=1), ReLU(), name="few")
    h = chain(net, h, Conv2d(4, 3, padding=1), name="3x3")
    h = chain(net, h, Conv2d(4, 1), Sigmoid(), name="1x1")
    h = chain(net, h, Conv2d(4, 3, stride=2, padding=1, groups=2), name="groups")
    h = chain(net, h, ConvTranspose2d(3, 3, stride=2, padding=1), Tanh(), name="transposed")
    h = chain(net, h, Conv2d(4, 1, stride=3), Conv2d(3, 3, padding=1), name="small")
    h = chain(net, h, AdaptiveAvgPool2d(1), Conv2d(3, 3, padding=1), name="centre")
    x = chain(net, h, Flatten(), Linear(3))
    return SmallNetwork(net.graph(x).with_loss(SoftmaxCrossEntropy()), batches=(3, 1, 5, 3))


@network
def pools_and_skips() -> SmallNetwork:
    """As U-Net: what goes down is kept, comes up again and is joined; a mask is predicted, pixel by pixel."""
    net = Builder(Shape("N", 2, 4, 6))
    top = chain(net, net.x, Conv2d(3, 3, padding=1), ReLU(), name="down")
    h = chain(net, top, MaxPool2d(2), Conv2d(4, 3, padding=1), ReLU(), name="low")
    h = net("joined", Concat(), top, chain(net, h, ConvTranspose2d(3, 2, stride=2), name="up"))
    resized = chain(net, h, AvgPool2d(3, stride=2, padding=1), Resize((4, 6)), name="side")
    h = net("added", Add(), chain(net, h, Pad(1, mode="reflect"), Conv2d(6, 3), name="padded"), resized)
    x = net("head", Conv2d(1, 3, padding=1), net("relu", ReLU(), h))
    return SmallNetwork(net.graph(x).with_loss(BCEWithLogits()), batches=(3, 1, 4, 3))


@network
def dropout() -> SmallNetwork:
    """Masks that differ from step to step and from node to node, and are none in evaluation."""
    net = Builder(Shape("N", 3, 2, 3))
    h = chain(net, net.x, Conv2d(4, 2), Dropout2d(0.4), ReLU(), Flatten(), Dropout(0.3), Linear(5), name="1")
    h = chain(net, h, Dropout(0.5), Tanh(), Linear(2), name="2")
    return SmallNetwork(net.graph(h).with_loss(L1()), DECOUPLED)


@network
def checkpoints() -> SmallNetwork:
    """Deep enough to be cut several times: values cross the cuts, are views of others, or are passed through."""
    net = Builder(Shape("N", 4))
    x = net("stem", Linear(4), net.x)
    for i in range(5):
        h = net(f"{i}.fc", Linear(4, bias=False), x)
        h = net(f"{i}.drop", Dropout(0.2), net(f"{i}.relu", ReLU(), net(f"{i}.bn", BatchNorm(), h)))
        x = net(f"{i}.add", Add(), x, h)
        x = net(f"{i}.same", Reshape((4,)), x)
    x = net("concat", Concat(), x, net("side", Linear(2), x))
    return SmallNetwork(net.graph(net("head", Linear(3), x)).with_loss(SoftmaxCrossEntropy()), batches=(4, 3, 7, 4))


@network
def passed_over() -> SmallNetwork:
    """Of a branch that nobody needs checkpoints make a segment: what goes past it is taken again in the one after."""
    net = Builder(Shape("N", 4))
    h = chain(net, net.x, Linear(16), Tanh(), name="stem")
    chain(net, net.x, *(op for _ in range(3) for op in (Linear(6), Tanh())), name="aside")
    h = chain(net, h, *(op for _ in range(3) for op in (Linear(4), Tanh())), Linear(3), name="head")
    return SmallNetwork(net.graph(h).with_loss(SoftmaxCrossEntropy()), batches=(4, 2, 7, 4))


@network
def arithmetic_among_images() -> SmallNetwork:
    """Values of fewer axes and of more meet images, and images become one number, a row, or a mean over the batch."""
    net = Builder(Shape("N", 2, 4, 3))
    h = net("conv1", Conv2d(4, 3, padding=1), net.x)
    gate = net("gate", Conv2d(4, 1), net("squeeze", Mean((2, 3), keepdim=True), h))
    h = net("excite", Mul(), h, net("sigmoid", Sigmoid(), gate))
    h = net("against", Maximum(), h, net("mean", Mean(0), h))
    both = net("both", Mul(), net("two", Parameter((2, 1, 1, 1, 1))), h)  # (2, N, 4, 4, 3), which is no image
    h = net("conv2", Conv2d(3, 1), net("sum", Sum(0), both))
    whole = net("whole", Parameter((3, 1, 1), trainable=False, initializer="ones", kind="int"))
    square = net("square", Pow(), h, whole)
    spread = net("spread", Add(), square, net("top", Amax((1, 2, 3), keepdim=True), h))
    x = net(
        "head", Linear(3), net("joined", Concat(), net("total", Sum((1, 3)), square), net("flat", Flatten(), spread))
    )
    return SmallNetwork(net.graph(x).with_loss(SoftmaxCrossEntropy()), batches=(3, 2, 5, 3))


@network
def kinds() -> SmallNetwork:
    """Whole numbers and truth values on the way, through which no gradient goes back, though it goes past them."""
    net = Builder(Shape("N", 2, 4, 3))
    h = net("conv", Conv2d(3, 1), net.x)
    zero = net("zero", Parameter((), trainable=False, initializer="zeros"))
    positive = net("positive", Compare("greater"), h, zero)
    h = net("where", Where(), positive, h, net("sin", Sin(), h))
    count = net("count", Sum((2, 3)), net("as numbers", Cast("float"), positive))
    best = net("best", ArgMax(1), net("behind", Linear(4), net("rows", Mean((2, 3)), h)))
    best = net("doubled", Mul(), best, net("two", Parameter((), trainable=False, initializer="ones", kind="int")))
    h = net(
        "joined",
        Concat(),
        net("flat", Flatten(), h),
        count,
        net("row", Cast("float"), net("column", View(("N", 1)), best)),
    )
    return SmallNetwork(net.graph(net("head", Linear(3), h)).with_loss(SoftmaxCrossEntropy()), batches=(3, 2, 5, 3))


@network
def frozen() -> SmallNetwork:
    """Some weights are kept as they are, alone or with those beside them; statistics and the others move."""
    net = Builder(Shape("N", 2, 4, 3))
    h = chain(net, net.x, Conv2d(3, 3), BatchNorm(), ReLU(), name="early")
    h = chain(net, h, Conv2d(3, 1), BatchNorm(), ReLU(), Flatten(), LayerNorm(6), Linear(4), name="late")
    graph = net.graph(net("head", Linear(3), h)).with_loss(SoftmaxCrossEntropy())
    graph = graph.frozen_by(["early.*", "late.conv2d.weight", "late.layernorm.bias", "late.linear.*"])
    return SmallNetwork(graph, batches=(4, 3, 7, 4))


@network
def fixed_batch() -> SmallNetwork:
    """A network for batches of three samples alone."""
    net = Builder(Shape(3, 2, 4, 3))
    h = chain(net, net.x, Conv2d(3, 3, padding=1), BatchNorm(), ReLU(), Flatten(), Linear(3))
    return SmallNetwork(net.graph(h).with_loss(SoftmaxCrossEntropy()), batches=(3, 3, 3))


@network
def nothing_to_learn() -> SmallNetwork:
    """No weights at all: a step changes nothing, and prediction goes on."""
    net = Builder(Shape("N", 2, 3))
    return SmallNetwork(net.graph(net("tanh", Tanh(), net.x)).with_loss(MSE()), batches=(2, 3))
