"""The contract of every trainer, in every engine."""

from dataclasses import replace

import numpy as np
import pytest

from backproof.engines import Mode
from backproof.errors import UserError
from backproof.graph import Builder, Graph, Sequential, Shape, initial_parameters
from backproof.ops import MSE, Add, BatchNorm, Concat, Dropout, Linear, ReLU, SoftmaxCrossEntropy, Tanh
from backproof.optim import OPTIMIZERS, SGD, Adam, Exponential, Momentum

TRAIN = Mode(training=True, seed=3, step=0)


def residual(bias: bool = True) -> Graph:
    """A value taken by three nodes, one of which takes it twice."""
    net = Builder(Shape("N", 5))
    h = net("fc1", Linear(4, bias), net.x)
    h = net("bn", BatchNorm(), h)
    relu = net("relu", ReLU(), h)
    drop = net("drop", Dropout(0.3), relu)
    twice = net("twice", Add(), relu, relu)
    add = net("add", Add(), drop, twice)
    cat = net("cat", Concat(), add, relu)
    return net.graph(net("head", Linear(3), cat)).with_loss(SoftmaxCrossEntropy(0.1))


def batch(n=7, seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.standard_normal((n, 5)), "y": rng.integers(0, 3, n)}


@pytest.fixture
def trainer(engine):
    graph = residual()
    return engine.compile(graph, initial_parameters(graph), dtype="float64")


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_gradients_add_up_where_branches_meet(engine, trainer, reference):
    other = reference.compile(trainer.graph, trainer.parameters())
    found, expected = trainer.gradients(batch(), TRAIN), other.gradients(batch(), TRAIN)
    assert found.loss == pytest.approx(expected.loss, rel=1e-14)
    for name, g in expected.parameters.items():
        np.testing.assert_allclose(found.parameters[name], g, rtol=1e-11, atol=1e-14, err_msg=name)
    np.testing.assert_allclose(found.inputs["x"], expected.inputs["x"], rtol=1e-11, atol=1e-14)


def test_fan_out_by_hand(engine):
    """L = mean (3 w x)² over one element: dL/dx = 18 w² x."""
    net = Builder(Shape("N", 1))
    h = net("fc", Linear(1, bias=False), net.x)
    graph = net.graph(net("b", Add(), net("a", Add(), h, h), h)).with_loss(MSE())
    trainer = engine.compile(graph, {"fc.weight": np.array([[2.0]])}, dtype="float64")
    found = trainer.gradients({"x": np.array([[0.5]]), "y": np.array([[0.0]])}, TRAIN)
    assert found.loss == pytest.approx(9)
    assert found.inputs["x"].item() == pytest.approx(36)
    assert found.parameters["fc.weight"].item() == pytest.approx(9)


def test_forward_gives_what_is_asked(trainer):
    inputs = batch()
    assert set(trainer.forward(inputs)) == {"head", "loss"}
    assert set(trainer.forward({"x": inputs["x"]})) == {"head"}
    assert set(trainer.forward(inputs, want=["relu"])) == {"head", "loss", "relu"}
    assert trainer.forward(inputs)["loss"].shape == ()
    with pytest.raises(UserError, match="unknown layer 'rellu'; did you mean relu"):
        trainer.forward(inputs, want=["rellu"])
    with pytest.raises(UserError, match=r"input 'y' of shape .* is missing"):
        trainer.forward({"x": inputs["x"]}, want=["loss"])


def test_batches_of_changing_size(trainer):
    whole = trainer.forward(batch(8))["head"]
    for n in (8, 3, 1, 8, 5):
        np.testing.assert_allclose(trainer.forward({"x": batch(8)["x"][:n]})["head"], whole[:n], rtol=1e-13)
    for step, n in enumerate((8, 3, 8, 2)):
        trainer.train_step(batch(n), SGD(), Mode(training=True, step=step))
        assert trainer.gradients(batch(n), TRAIN).output.shape == (n, 3)


def test_arrays_belong_to_the_caller(trainer):
    before = trainer.parameters()
    values = trainer.forward(batch(), want=[node.name for node in trainer.graph.nodes])
    kept = {name: value.copy() for name, value in values.items()}
    found = trainer.gradients(batch(), TRAIN)
    head = found.output.copy()
    trainer.forward(batch(seed=1), want=["relu"])
    trainer.gradients(batch(seed=1), TRAIN)
    same(values, kept)
    np.testing.assert_array_equal(found.output, head)
    for arrays in (values, found.parameters, found.inputs, found.state, trainer.parameters()):
        for array in arrays.values():
            array[...] = np.nan
    same(trainer.parameters(), before)


@pytest.mark.parametrize("width", [1, 4])
def test_parameters_are_copies_whatever_their_shape(engine, width):
    """One row or one column is in order both ways round, so a transposed view of it passes for a copy."""
    graph = Sequential(("wide", Linear(width)), ("one", Linear(1)), ("many", Linear(3))).build(Shape("N", 5))
    graph = graph.with_loss(SoftmaxCrossEntropy())
    start = initial_parameters(graph)
    trainer = engine.compile(graph, start, dtype="float64")
    copies = trainer.parameters()
    trainer.train_step(batch(), Momentum(lr=0.5), TRAIN)
    same(copies, start)
    state = trainer.optimizer_state()
    kept = {name: value.copy() for name, value in state.items()}
    trainer.train_step(batch(), Momentum(lr=0.5), TRAIN)
    same(state, kept)
    trainer.load(start)
    found = trainer.gradients(batch(), TRAIN).parameters
    kept = {name: value.copy() for name, value in found.items()}
    trainer.gradients(batch(seed=1), TRAIN)
    same(found, kept)


def test_outputs_do_not_share_the_input(engine):
    graph = Sequential(Dropout(0.5)).build(Shape("N", 5))
    x = batch()["x"]
    output = engine.compile(graph, {}, dtype="float64").forward({"x": x})["0"]
    output[...] = 0
    assert np.all(x != 0)


def test_a_training_step_is_its_gradient_and_its_update(trainer):
    weights = trainer.parameters()
    found = trainer.gradients(batch(), TRAIN, SGD(weight_decay=0.1))
    result = trainer.train_step(batch(), SGD(lr=0.5, weight_decay=0.1), TRAIN)
    assert result.loss == pytest.approx(found.loss, rel=1e-14)
    assert result.penalty == pytest.approx(found.penalty, rel=1e-14)
    assert result.cost == result.loss + result.penalty
    np.testing.assert_allclose(result.output, found.output, rtol=1e-13)
    after = trainer.parameters()
    for name, g in found.parameters.items():
        np.testing.assert_allclose(after[name], weights[name] - 0.5 * g, rtol=1e-12, atol=1e-15)
    for name, value in found.state.items():
        np.testing.assert_allclose(after[name], value, rtol=1e-14)


def test_penalty_is_reported_and_differentiated(trainer):
    plain = trainer.gradients(batch(), TRAIN)
    decayed = trainer.gradients(batch(), TRAIN, SGD(weight_decay=0.2))
    weights = trainer.parameters()
    squares = sum(float(np.sum(weights[name] ** 2)) for name in ("fc1.weight", "head.weight"))
    assert plain.penalty == 0
    assert decayed.penalty == pytest.approx(0.1 * squares)
    assert decayed.loss == plain.loss
    for name, g in plain.parameters.items():
        term = 0.2 * weights[name] if name in ("fc1.weight", "head.weight") else 0
        np.testing.assert_allclose(decayed.parameters[name], g + term, rtol=1e-12, atol=1e-15)
    decoupled = trainer.gradients(batch(), TRAIN, SGD(weight_decay=0.2, decay="decoupled"))
    assert decoupled.penalty == 0
    same(decoupled.parameters, plain.parameters)


def test_evaluation_uses_running_statistics_and_no_dropout(trainer):
    one = trainer.forward({"x": batch()["x"][:1]})["head"]
    np.testing.assert_allclose(one, trainer.forward({"x": batch()["x"]})["head"][:1], rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_modes_may_alternate(engine, dtype):
    """Nodes need other buffers in training than in evaluation: neither may get those of the other."""
    net = Builder(Shape("N", 6))
    x = net.x
    for i in range(3):
        x = net(f"relu{i}", ReLU(), net(f"fc{i}", Linear(6), net(f"drop{i}", Dropout(0.4), x)))
    graph = net.graph(net("head", Linear(3), net("bn", BatchNorm(), x))).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((7, 6)), "y": rng.integers(0, 3, 7)}
    dtype = engine.capabilities.nearest_dtype(dtype)

    def fresh():
        return engine.compile(graph, initial_parameters(graph), dtype=dtype)

    alternating = fresh()
    for mode in (Mode(), TRAIN, Mode(), TRAIN):
        for feed in ({"x": inputs["x"]}, inputs):
            same(alternating.forward(feed, mode), fresh().forward(feed, mode))
        found, expected = alternating.gradients(inputs, mode), fresh().gradients(inputs, mode)
        same(found.parameters, expected.parameters)
        same(found.inputs, expected.inputs)


def test_dropout_follows_seed_and_step(trainer):
    def output(mode):
        return trainer.forward(batch(), mode)["head"]

    np.testing.assert_array_equal(output(Mode(True, 1, 2)), output(Mode(True, 1, 2)))
    assert np.any(output(Mode(True, 1, 2)) != output(Mode(True, 1, 3)))
    assert np.any(output(Mode(True, 1, 2)) != output(Mode(True, 2, 2)))


def test_a_training_batch_of_one_is_refused_by_name(trainer):
    before = trainer.parameters()
    with pytest.raises(UserError, match=r"node 'bn': .* two values or more a channel.*batch size"):
        trainer.train_step(batch(1), SGD(), TRAIN)
    same(trainer.parameters(), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "input 'x' of shape .N, 5. is missing"),
        ({"y": None}, "input 'y' of shape .N,. is missing"),
        ({"x": np.zeros((7, 4))}, r"input 'x' has shape \(7, 4\) .* takes floats of shape \(N, 5\)"),
        ({"x": np.zeros((7, 5), int)}, "input 'x' has .*int64; the network takes floats"),
        ({"y": np.zeros(7)}, "input 'y' has .*float64; the network takes whole numbers"),
        ({"y": np.zeros(6, int)}, "input 'y' has 6 samples where 'x' has 7"),
        ({"x": np.zeros((0, 5)), "y": np.zeros(0, int)}, "input 'x' is an empty batch"),
        ({"z": np.zeros(7)}, "unknown input 'z'"),
    ],
)
def test_bad_inputs_are_named(trainer, change, message):
    inputs = {name: value for name, value in (batch() | change).items() if value is not None}
    for call in (
        lambda: trainer.train_step(inputs, SGD(), TRAIN),
        lambda: trainer.gradients(inputs, TRAIN),
        *([] if "y" not in inputs else [lambda: trainer.forward(inputs)]),
    ):
        with pytest.raises(UserError, match=message):
            call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc1.weight": None}, r"parameter 'fc1.weight' of shape \(4, 5\) is missing"),
        ({"fc1.weight": np.zeros((5, 4))}, r"parameter 'fc1.weight' has shape \(5, 4\), not \(4, 5\)"),
        ({"fc1.wait": np.zeros(1)}, "unknown parameter 'fc1.wait'; did you mean fc1.weight"),
    ],
)
def test_bad_parameters_are_named(engine, trainer, change, message):
    before = trainer.parameters()
    parameters = {name: value for name, value in (before | change).items() if value is not None}
    with pytest.raises(UserError, match=message):
        trainer.load(parameters)
    with pytest.raises(UserError, match=message):
        engine.compile(trainer.graph, parameters, dtype="float64")
    same(trainer.parameters(), before)


def test_load_takes_what_parameters_gave(engine, trainer):
    trainer.train_step(batch(), SGD(), TRAIN)
    other = engine.compile(trainer.graph, initial_parameters(trainer.graph, 9), dtype="float64")
    other.load(trainer.parameters())
    same(other.parameters(), trainer.parameters())
    np.testing.assert_array_equal(other.forward(batch())["head"], trainer.forward(batch())["head"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumes_bit_for_bit(engine, name):
    graph, optimizer = residual(), OPTIMIZERS[name](lr=0.01, weight_decay=0.01)
    start = initial_parameters(graph)
    steps = [(batch(seed=step), Mode(True, 5, step)) for step in range(6)]
    through = engine.compile(graph, start, dtype="float64")
    for inputs, mode in steps:
        through.train_step(inputs, optimizer, mode)
    first = engine.compile(graph, start, dtype="float64")
    assert first.optimizer_state() == {}
    for inputs, mode in steps[:3]:
        first.train_step(inputs, optimizer, mode)
    state = first.optimizer_state()
    trainable = [name for name, spec in graph.parameters.items() if spec.trainable]
    assert set(state) == {f"{slot}/{parameter}" for slot in optimizer.slots for parameter in trainable}
    second = engine.compile(graph, first.parameters(), dtype="float64")
    second.load_optimizer_state(optimizer, state)
    for inputs, mode in steps[3:]:
        second.train_step(inputs, optimizer, mode)
    same(second.parameters(), through.parameters())
    same(second.optimizer_state(), through.optimizer_state())


def test_optimizer_state_can_start_afresh(trainer):
    start = trainer.parameters()
    trainer.train_step(batch(), Momentum(), TRAIN)
    once = trainer.parameters()
    trainer.train_step(batch(), Momentum(), TRAIN)
    trainer.load(start)
    trainer.load_optimizer_state(Momentum(), {})
    trainer.train_step(batch(), Momentum(), TRAIN)
    same(trainer.parameters(), once)


def test_bad_optimizer_state_is_named(trainer):
    trainer.train_step(batch(), Adam(), TRAIN)
    state = trainer.optimizer_state()
    with pytest.raises(UserError, match=r"'v/head.bias' .* is missing"):
        trainer.load_optimizer_state(Adam(), {name: value for name, value in state.items() if name != "v/head.bias"})
    with pytest.raises(UserError, match="unknown optimizer state 'm/"):
        trainer.load_optimizer_state(Momentum(), state)
    with pytest.raises(UserError, match=r"'m/head.bias' has shape \(2,\), not \(3,\)"):
        trainer.load_optimizer_state(Adam(), state | {"m/head.bias": np.zeros(2)})


def test_watch_sees_every_node_both_ways(engine, trainer, reference):
    def seen(s):
        calls = []
        s.train_step(batch(), SGD(), TRAIN, lambda *call: calls.append((*call[:2], np.array(call[2]))))
        return calls

    other = reference.compile(trainer.graph, trainer.parameters())
    # Where fusing changes bits, a watched pass is fused as well, and a chain is seen as its last node.
    hidden = {"bn"} if engine.name == "numba" else set()
    calls, expected = seen(trainer), [call for call in seen(other) if call[0] not in hidden]
    names = [node.name for node in trainer.graph.nodes if node.name not in hidden]
    assert [call[:2] for call in calls] == [
        *((name, "forward") for name in names),
        *((name, "backward") for name in reversed(names)),
    ]
    for (name, direction, value), (*_, right) in zip(calls, expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-11, atol=1e-14, err_msg=f"{name} {direction}")


def test_watching_changes_nothing(engine, trainer):
    other = engine.compile(trainer.graph, trainer.parameters(), dtype="float64")
    for step in range(3):
        trainer.train_step(batch(), Adam(), Mode(True, 0, step))
        other.train_step(batch(), Adam(), Mode(True, 0, step), lambda *_: None)
    same(trainer.parameters(), other.parameters())


def test_gradients_between_steps_change_nothing(engine, trainer):
    other = engine.compile(trainer.graph, trainer.parameters(), dtype="float64")
    for step in range(3):
        trainer.train_step(batch(), Adam(), Mode(True, 0, step))
        other.gradients(batch(5, seed=2), Mode(True, 9, 9), Adam(weight_decay=0.1))
        other.forward(batch(2), Mode(True, 0, 0), want=["bn"])
        other.train_step(batch(), Adam(), Mode(True, 0, step))
    same(trainer.parameters(), other.parameters())
    same(trainer.optimizer_state(), other.optimizer_state())


def test_two_trainers_are_independent(engine):
    graph = residual()
    start = initial_parameters(graph)
    a, b = (engine.compile(graph, start, dtype="float64") for _ in range(2))
    a.train_step(batch(), SGD(), TRAIN)
    same(b.parameters(), start)


def test_a_branch_that_the_loss_does_not_see(engine):
    net = Builder(Shape("N", 5))
    seen = net("seen", Linear(3), net.x)
    net("unseen", Linear(2), net.x)
    graph = net.graph(seen).with_loss(SoftmaxCrossEntropy())
    start = initial_parameters(graph)
    trainer = engine.compile(graph, start, dtype="float64")
    assert not np.any(trainer.gradients(batch(), TRAIN).parameters["unseen.weight"])
    trainer.train_step(batch(), Momentum(lr=0.5, weight_decay=0.1), TRAIN)
    np.testing.assert_allclose(trainer.parameters()["unseen.weight"], 0.95 * start["unseen.weight"], rtol=1e-14)


def test_a_network_without_loss_only_predicts(engine):
    graph = Sequential(Linear(2), Tanh()).build(Shape("N", 5))
    trainer = engine.compile(graph, initial_parameters(graph), dtype="float64")
    assert trainer.forward({"x": batch()["x"]})["1"].shape == (7, 2)
    with pytest.raises(UserError, match="no loss"):
        trainer.train_step({"x": batch()["x"]}, SGD(), TRAIN)
    with pytest.raises(UserError, match="no loss"):
        trainer.gradients({"x": batch()["x"]}, TRAIN)


def test_inputs_of_another_float_dtype_are_converted(trainer):
    inputs = batch()
    single = {"x": inputs["x"].astype(np.float32), "y": inputs["y"].astype(np.uint8)}
    double = {"x": single["x"].astype(np.float64), "y": inputs["y"]}
    same(trainer.forward(single), trainer.forward(double))


def test_a_branch_that_the_loss_does_not_see_stands_still(engine):
    net = Builder(Shape("N", 5))
    h = net("fc", Linear(3), net.x)
    net("beside", Linear(2), h)
    graph = net.graph(net("head", Linear(3), h)).with_loss(SoftmaxCrossEntropy())
    trainer = engine.compile(graph, initial_parameters(graph), dtype="float64")
    before = trainer.parameters()["beside.weight"]
    for step in range(3):
        trainer.train_step(batch(), Adam(lr=0.1, weight_decay=0.0), Mode(training=True, step=step))
    np.testing.assert_array_equal(trainer.parameters()["beside.weight"], before)
    assert not trainer.gradients(batch(), TRAIN).parameters["beside.weight"].any()


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_and_apply_are_a_training_step(engine, name, decay):
    """Weights, BatchNorm's running statistics and the optimizer's state, two steps long, a schedule between them."""
    graph = residual(bias=False)  # before BatchNorm its gradient is rounding alone, of which Adam makes whole steps
    optimizer = OPTIMIZERS[name](lr=0.02, weight_decay=0.1, decay=decay, schedule=Exponential(gamma=0.5, every=1))
    for dtype in engine.capabilities.dtypes:
        fused, apart = (engine.compile(graph, initial_parameters(graph), dtype=dtype) for _ in range(2))
        for step in range(2):
            mode = Mode(training=True, seed=3, step=step)
            cost = fused.train_step(batch(seed=step), optimizer, mode).cost
            found = apart.gradients(batch(seed=step), mode, optimizer)
            apart.apply(found, optimizer, mode)
            compiles = engine.capabilities.speed == "compiles"  # see `close`
            assert found.cost == pytest.approx(cost, rel=1e3 * float(np.finfo(dtype).eps) if compiles else 1e-6)
        agree = close if engine.capabilities.speed == "compiles" else same
        agree(apart.parameters(), fused.parameters())
        agree(apart.optimizer_state(), fused.optimizer_state())


def close(a, b):
    """A compiler that takes the step as a whole rounds otherwise than in two: relative to the largest of an array,

    since RMSprop divides a gradient by its size, and so makes steps of 10 out of it, in which rounding shows.
    """
    assert a.keys() == b.keys()
    for name in a:
        tolerance = 1e3 * np.finfo(a[name].dtype).eps
        size = max(1.0, float(np.max(np.abs(b[name]))))
        np.testing.assert_allclose(a[name], b[name], rtol=tolerance, atol=tolerance * size, err_msg=name)


def test_gradients_of_two_workers_are_applied_as_their_mean(engine):
    """The gradient of a mean loss over a batch is the mean over its halves."""
    graph = Sequential(Linear(3), Tanh(), Linear(2)).build(Shape("N", 5)).with_loss(MSE())
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((6, 5)), "y": rng.standard_normal((6, 2))}
    whole, shared = (engine.compile(graph, initial_parameters(graph), dtype="float64") for _ in range(2))
    whole.train_step(inputs, Adam(), TRAIN)
    halves = [
        shared.gradients({name: x[half] for name, x in inputs.items()}, TRAIN) for half in (slice(3), slice(3, 6))
    ]
    mean = {name: (g + halves[1].parameters[name]) / 2 for name, g in halves[0].parameters.items()}
    shared.apply(replace(halves[0], parameters=mean), Adam(), TRAIN)
    for name, w in whole.parameters().items():
        np.testing.assert_allclose(shared.parameters()[name], w, rtol=1e-10, atol=1e-12, err_msg=name)


def test_gradients_that_do_not_fit_are_refused(engine, trainer):
    found = trainer.gradients(batch(), TRAIN)
    before = trainer.parameters()
    for changed, sentence in (
        (found.parameters | {"head.weight": np.zeros((3, 9))}, "gradient 'head.weight' has shape"),
        (found.parameters | {"neck": np.zeros(3)}, "unknown gradient 'neck'"),
        ({}, "gradient 'fc1.weight' of shape"),
    ):
        with pytest.raises(UserError, match=sentence):
            trainer.apply(replace(found, parameters=changed), SGD(), TRAIN)
    with pytest.raises(UserError, match=r"running statistics 'bn\.running_mean' has shape"):
        trainer.apply(replace(found, state={"bn.running_mean": np.zeros(5)}), SGD(), TRAIN)
    same(trainer.parameters(), before)
