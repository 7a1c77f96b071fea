"""Networks from files of ONNX: names, batch, sizes, and the same numbers as ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof import engines
from backproof.errors import ModelError
from backproof.graph import Shape
from backproof.interchange.network import Network
from backproof.interchange.onnx import read_onnx

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
helper = onnx.helper
FLOAT = 1


def model(
    nodes: Sequence[Any],
    weights: dict[str, Any],
    shape: Sequence[Any] = ("batch", 3, 8, 8),
    *,
    opset: int = 17,
    output: str = "y",
) -> Any:
    """A file of one input x and one output."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(output, FLOAT, None)],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def saved(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(content.SerializeToString())
    return path


def computed(network: Network, x: Any) -> Any:
    predictor = engines.get_engine("numpy").compile(network.graph, network.parameters)
    return predictor.forward({network.graph.inputs[0].name: x})[network.graph.output]


def by_onnxruntime(path: Path, x: Any) -> Any:
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def small() -> Any:
    """Convolution, normalisation, pooling and a layer, as exporters write them."""
    rng = np.random.default_rng(0)
    weights = {
        "conv1.weight": rng.standard_normal((4, 3, 3, 3)).astype("f"),
        "bn1.weight": rng.random(4).astype("f"),
        "bn1.bias": rng.random(4).astype("f"),
        "bn1.running_mean": rng.random(4).astype("f"),
        "bn1.running_var": rng.random(4).astype("f"),
        "17": rng.standard_normal((5, 4)).astype("f"),
        "fc.bias": rng.standard_normal(5).astype("f"),
    }
    bn = [name for name in weights if name.startswith("bn1")]
    nodes = [
        helper.make_node(
            "Conv", ["x", "conv1.weight"], ["a"], name="/conv1/Conv", pads=[1, 1, 1, 1], kernel_shape=[3, 3]
        ),
        helper.make_node("BatchNormalization", ["a", *bn], ["b"], name="/bn1", epsilon=1e-3, momentum=0.9),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"], name="/pool"),
        helper.make_node("Flatten", ["d"], ["e"], name="/flatten"),
        helper.make_node("Gemm", ["e", "17", "fc.bias"], ["y"], name="/fc", transB=1),
    ]
    return model(nodes, weights)


def test_nodes_and_weights_keep_their_names_and_numbers_get_the_nodes(tmp_path: Path) -> None:
    network = read_onnx(saved(tmp_path, small()))
    assert [node.name for node in network.graph.nodes] == ["/conv1/Conv", "/bn1", "c", "/pool", "/flatten", "/fc"]
    bn = ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"]
    assert list(network.parameters) == ["conv1.weight", *bn, "/fc.weight", "fc.bias"]
    assert network.graph.parameters.keys() == network.parameters.keys()
    (norm,) = [node.op for node in network.graph.nodes if type(node.op).__name__ == "BatchNorm"]
    assert (norm.momentum, norm.eps) == (0.1, 1e-3)


def test_the_numbers_are_those_of_onnxruntime(tmp_path: Path) -> None:
    path = saved(tmp_path, small())
    x = np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype("f")
    assert np.abs(computed(read_onnx(path), x) - by_onnxruntime(path, x)).max() < 1e-5


@pytest.mark.parametrize("first", [1, 4, "batch"])
def test_a_batch_that_the_file_fixes_is_open_where_samples_stay_apart(tmp_path: Path, first: Any) -> None:
    content = small()
    dim = content.graph.input[0].type.tensor_type.shape.dim[0]
    if first != "batch":
        dim.dim_value = first
    assert read_onnx(saved(tmp_path, content)).graph.inputs[0].shape == Shape("N", 3, 8, 8)


def test_a_batch_stays_fixed_where_the_network_counts_on_it(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "to"], ["y"])]
    network = read_onnx(saved(tmp_path, model(nodes, {"to": np.array([6, 4])}, (2, 3, 2, 2))))
    assert network.graph.inputs[0].shape == Shape(2, 3, 2, 2)
    assert network.graph.shapes[network.graph.output] == Shape(6, 4)


def test_sizes_that_nodes_compute_are_worked_out_for_any_batch(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Mul", ["n", "three"], ["m"]),
        helper.make_node("Concat", ["m", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["x", "to"], ["y"]),
    ]
    weights = {"zero": np.array([0]), "three": np.array([3]), "rest": np.array([-1])}
    network = read_onnx(saved(tmp_path, model(nodes, weights, ("n", 3, 2, 2))))
    assert network.graph.shapes[network.graph.output] == Shape("3N", 4)


def test_open_sizes_must_be_given_and_fit(tmp_path: Path) -> None:
    content = model([helper.make_node("Relu", ["x"], ["y"])], {}, ("n", 3, "height", "width"))
    path = saved(tmp_path, content)
    with pytest.raises(ModelError, match=r"is \(n, 3, height, width\); say what the open sizes are"):
        read_onnx(path)
    assert read_onnx(path, Shape("N", 3, 4, 6)).graph.inputs[0].shape == Shape("N", 3, 4, 6)
    with pytest.raises(ModelError, match=r"which \(N, 4, 4, 6\) does not fit"):
        read_onnx(path, Shape("N", 4, 4, 6))


def test_what_cannot_be_imported_is_listed_node_by_node(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["i"], name="first"),
        helper.make_node("Cast", ["i"], ["j"], name="hangs on the first", to=FLOAT),
        helper.make_node("Det", ["x"], ["k"], name="second"),
        helper.make_node("Add", ["j", "k"], ["y"]),
    ]
    with pytest.raises(ModelError) as raised:
        read_onnx(saved(tmp_path, model(nodes, {})))
    assert "'first' (NonZero): " in str(raised.value)
    assert "'second' (Det): backproof has no" in str(raised.value)
    assert "hangs" not in str(raised.value)
