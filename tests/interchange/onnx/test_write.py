"""Networks as files of ONNX: checked by onnx itself, and computed by ONNX Runtime."""

from pathlib import Path

import numpy as np
import pytest

from backproof.engines import get_engine
from backproof.errors import UserError
from backproof.graph import OPERATIONS, Builder, Graph, Loss, Op, Sequential, Shape, initial_parameters
from backproof.interchange.onnx import onnx_bytes
from backproof.models import MODELS, build
from backproof.ops import (
    GELU,
    MSE,
    BatchNorm,
    Conv2d,
    Dropout,
    Dropout2d,
    GroupNorm,
    LayerNorm,
    Linear,
    Parameter,
    ReLU,
    SoftmaxCrossEntropy,
)

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

SMALL = {"width": 4, "blocks": (1, 1)}
"""Options that make a network small, for the models that have them."""


def small(name: str) -> Graph:
    from backproof.models import options_of

    options = {key: value for key, value in SMALL.items() if key in options_of(name)}
    return build(name, Shape("N", 3, 16, 16), 5, options)


def drawn(graph: Graph) -> dict[str, np.ndarray]:
    """Weights of which none is 0 or 1; variances above 0."""
    rng = np.random.default_rng(1)
    specs = graph.parameters.items()
    return {
        name: w + (0.1 * rng.standard_normal(spec.shape) if spec.trainable else rng.uniform(0.1, 1, spec.shape))
        for (name, spec), w in zip(specs, initial_parameters(graph).values(), strict=True)
    }


def loaded(content: bytes):
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    return model


def run(content: bytes, x: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})


def same(graph: Graph, opset: int = 20, samples: int = 3) -> None:
    """The file is valid, and ONNX Runtime computes what the reference engine does over whole arrays."""
    from backproof.engines import reference_engine

    weights = drawn(graph)
    content = onnx_bytes(graph, weights, opset=opset)
    model = loaded(content)
    assert {t.name: tuple(t.dims) for t in model.graph.initializer} == {n: w.shape for n, w in weights.items()}
    assert [o.name.removesuffix("/value") for o in model.graph.output] == list(graph.outputs)
    x = np.random.default_rng(0).standard_normal(graph.inputs[0].shape.bind(samples)).astype(np.float32)
    exact = reference_engine(vectorised=True).compile(graph, weights, dtype="float64")
    expected = exact.forward({graph.inputs[0].name: x.astype(np.float64)}, want=graph.outputs)
    for name, found in zip(graph.outputs, run(content, x), strict=True):
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(found, expected[name], atol=1e-5 * scale, err_msg=name)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_registered_model(name: str) -> None:
    same(small(name))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_registered_model_comes_back(name: str, tmp_path: Path) -> None:
    """As it was; and from its nodes alone, where the file does not describe itself, with the same weights."""
    from backproof.interchange.onnx import read_onnx, write_onnx

    graph = small(name)
    weights = {key: array.astype(np.float32) for key, array in drawn(graph).items()}
    write_onnx(tmp_path / "own.onnx", graph, weights)
    model = onnx.load(tmp_path / "own.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "nodes.onnx")
    own, nodes = read_onnx(tmp_path / "own.onnx"), read_onnx(tmp_path / "nodes.onnx")
    assert own.graph == graph
    x = {"x": np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)}
    expected = get_engine("numpy").compile(graph, weights).forward(x, want=graph.outputs)
    for network in (own, nodes):
        assert network.parameters.keys() == weights.keys()
        for key, array in weights.items():
            np.testing.assert_array_equal(network.parameters[key], array, err_msg=key)
        found = get_engine("numpy").compile(network.graph, network.parameters).forward(x, want=network.graph.outputs)
        for theirs, ours in zip(network.graph.outputs, graph.outputs, strict=True):
            np.testing.assert_allclose(found[theirs], expected[ours], atol=1e-5 * np.abs(expected[ours]).max())


@pytest.mark.slow
@pytest.mark.parametrize("opset", [18, 19, 21, 22, 23])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_registered_model_in_other_opsets(name: str, opset: int) -> None:
    same(small(name), opset)


@pytest.mark.parametrize("opset", [18, 19, 20, 21, 23])
@pytest.mark.parametrize(
    "op", [GELU(), GELU("tanh"), GroupNorm(2), GroupNorm(2, affine=False), LayerNorm(4, bias=False)], ids=str
)
def test_operations_that_opsets_write_differently(op: Op, opset: int) -> None:
    same(Sequential(("op", op)).build(Shape("N", 4, 3, 4)), opset)


def test_several_outputs_and_a_weight_by_itself() -> None:
    from backproof.ops import Add

    net = Builder(Shape("N", 6), "features")
    h = net("relu", ReLU(), net("fc", Linear(4), net.x))
    h = net("moved", Add(), h, net("offset", Parameter((4,))))
    graph = net.graph(net("main", Linear(3), h), net("side", Linear(3), h))
    same(graph)
    with_losses = onnx_bytes(graph.with_loss(MSE(), weights=(1, 2)), drawn(graph))
    assert with_losses == onnx_bytes(graph, drawn(graph)), "a loss is not exported"


def test_names_are_those_of_the_network() -> None:
    graph = build("mlp", Shape("N", 4), 3, {"layers": (5,), "dropout": 0.25})
    nodes = loaded(onnx_bytes(graph, drawn(graph))).graph.node
    written = [n for n in nodes if n.op_type != "Constant"]
    assert [(n.name, n.op_type, n.output[0]) for n in written] == [
        ("fc1", "Gemm", "fc1"),
        ("relu1", "Relu", "relu1"),
        ("dropout1", "Dropout", "dropout1"),
        ("fc2", "Gemm", "fc2"),
    ]
    assert list(written[0].input) == ["x", "fc1.weight", "fc1.bias"]


def test_a_helper_never_takes_the_name_of_a_node() -> None:
    net = Builder(Shape("N", 3, 2))
    h = net("fc/MatMul", ReLU(), net.x)
    graph = net.graph(net("fc", Linear(4), h))
    same(graph)
    assert "fc/MatMul_2" in {n.name for n in loaded(onnx_bytes(graph, drawn(graph))).graph.node}


def test_a_weight_may_be_called_as_its_node(tmp_path: Path) -> None:
    """As in files of PyTorch, `class_token`: in ONNX values and weights share their names."""
    from backproof.interchange.onnx import read_onnx, write_onnx
    from backproof.ops import Add, Mul

    net = Builder(Shape("N", 4))
    token = net("token", Parameter((4,)), names={"weight": "token"})
    h = net("fc", Linear(4), net("sum", Add(), net.x, token), names={"weight": "relu"})
    last = net("end", Mul(), net("relu", ReLU(), h), net("out", Parameter((4,)), names={"weight": "out"}))
    graph = net.graph(last, token)
    same(graph)
    write_onnx(tmp_path / "net.onnx", graph, drawn(graph))
    assert read_onnx(tmp_path / "net.onnx").graph == graph
    engine, numpy = get_engine("onnxruntime"), get_engine("numpy")
    x = {"x": np.ones((2, 4), np.float32)}
    found, expected = (e.compile(graph, drawn(graph)).forward(x, want=graph.node) for e in (engine, numpy))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


SAMPLES = [(op, opset) for op in OPERATIONS.values() if not issubclass(op, Loss) for opset in (18, 23, 28)]


@pytest.mark.parametrize(("op", "opset"), SAMPLES, ids=lambda part: getattr(part, "__name__", str(part)))
def test_every_operation_is_valid_in_other_opsets(op: type[Op], opset: int) -> None:
    """As onnx declares them; what they compute is compared in opset 20, by the tests of the engine."""
    from backproof.verify.core.case import for_prediction, make_case

    if opset > onnx.defs.onnx_opset_version():
        pytest.skip(f"onnx {onnx.__version__} has no opset {opset}")
    for sample in op.samples():
        case = for_prediction(make_case(sample, 0))
        loaded(onnx_bytes(case.graph, case.parameters, opset=opset))


def test_what_the_file_says_of_itself() -> None:
    graph = build("lenet5", Shape("N", 1, 28, 28), 10, {})
    model = loaded(onnx_bytes(graph, initial_parameters(graph), metadata={"backproof.classes": '["a"]'}))
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["backproof.graph_hash"] == graph.hash
    assert said["backproof.classes"] == '["a"]'
    assert said.keys() == {"backproof.version", "backproof.graph_hash", "backproof.graph", "backproof.classes"}
    assert (model.ir_version, model.producer_name) == (10, "backproof")
    assert [(i.domain, i.version) for i in model.opset_import] == [("", 20)]


def test_float64_is_kept() -> None:
    graph = build("one_layer", Shape("N", 4), 3, {})
    weights = drawn(graph)
    model = loaded(onnx_bytes(graph, weights, dtype="float64"))
    for tensor in model.graph.initializer:
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), weights[tensor.name])


@pytest.mark.parametrize("opset", [17, 1000, 0])
def test_opsets_that_cannot_be_written(opset: int) -> None:
    graph = build("one_layer", Shape("N", 4), 3, {})
    with pytest.raises(UserError, match=rf"opset={opset}: opsets 18 to \d+ can be written"):
        onnx_bytes(graph, drawn(graph), opset=opset)


def test_operations_of_users_are_refused_all_at_once() -> None:
    class Mine(ReLU):
        pass

    graph = Sequential(("a", Mine()), ("fc", Linear(2)), ("b", Mine())).build(Shape("N", 3))
    with pytest.raises(UserError, match=r"ONNX has no operations for 'a' \(Mine\), 'b' \(Mine\); only backproof's own"):
        onnx_bytes(graph, drawn(graph))


def test_two_gigabytes_are_too_much() -> None:
    graph = Sequential(("fc", Linear(30_000))).build(Shape("N", 20_000))
    huge = {name: np.broadcast_to(np.float32(0), spec.shape) for name, spec in graph.parameters.items()}
    with pytest.raises(UserError, match=r"holds less than 2 GiB, and the network's weights take 2\.2 GiB"):
        onnx_bytes(graph, huge)


def network_with_all_that_onnx_has_no_word_for() -> Graph:
    net = Builder(Shape("N", 3, 8, 8))
    h = net(
        "drop", Dropout2d(0.3), net("bn", BatchNorm(momentum=None), net("conv", Conv2d(4, 3, padding="same"), net.x))
    )
    h = net("norm", GroupNorm(2), net("again", Dropout(0.1), h))
    return net.graph(net("scores", Conv2d(2, 1, initializer="xavier_uniform"), h))


def test_what_we_wrote_comes_back_as_it_was() -> None:
    from backproof.interchange.onnx.own import own_graph

    graph = network_with_all_that_onnx_has_no_word_for()
    model = loaded(onnx_bytes(graph.with_loss(SoftmaxCrossEntropy()), drawn(graph)))
    found = own_graph(model)
    assert found == graph
    assert found.hash == graph.hash


def test_a_description_that_the_nodes_contradict_is_not_believed() -> None:
    from backproof.interchange.onnx.own import own_graph

    graph = build("mlp", Shape("N", 4), 3, {"layers": (5,)})
    content = onnx_bytes(graph, drawn(graph))

    def edited(change) -> object:
        model = loaded(content)
        change(model)
        return own_graph(model)

    def described(text):
        def change(model):
            next(entry for entry in model.metadata_props if entry.key == "backproof.graph").value = text

        return change

    assert edited(lambda model: None) == graph
    assert edited(lambda model: setattr(model.graph.node[1], "op_type", "Tanh")) is None
    assert edited(lambda model: model.graph.node.pop()) is None
    assert edited(lambda model: model.graph.initializer[0].dims.append(1)) is None
    assert edited(lambda model: setattr(model.graph.output[0], "name", "fc1")) is None
    for damaged in ("", "{", "[" * 100_000, '{"inputs": []}', "null", graph.to_json().replace("relu1", "relu2")):
        assert edited(described(damaged)) is None, damaged[:20]


def test_constants_of_other_kinds_come_back(tmp_path: Path) -> None:
    from backproof.interchange.onnx import read_onnx, write_onnx
    from backproof.ops import Add

    net = Builder(Shape("N", 3))
    whole = net("sum", Add(), *(net(n, Parameter((2,), trainable=False, kind="int")) for n in ("few", "more")))
    truth = net("mask", Parameter((2, 3), trainable=False, kind="bool"))
    graph = net.graph(net("fc", Linear(2), net.x), whole, truth)
    weights = drawn(graph) | {
        "few.weight": np.array([1.0, 2.0]),
        "more.weight": np.array([30.0, -4.0]),
        "mask.weight": np.array([[1.0, 0, 1], [0, 0, 1]]),
    }
    write_onnx(tmp_path / "net.onnx", graph, weights)
    found = run((tmp_path / "net.onnx").read_bytes(), np.zeros((1, 3)))
    assert found[1].dtype == np.int64
    np.testing.assert_array_equal(found[1], [31, -2])
    np.testing.assert_array_equal(found[2], [[True, False, True], [False, False, True]])
    network = read_onnx(tmp_path / "net.onnx")
    assert network.graph == graph
    for name, array in weights.items():
        np.testing.assert_array_equal(network.parameters[name], np.float32(array), err_msg=name)
