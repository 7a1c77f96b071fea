"""The nine networks that come with ONNX, of which only the shapes of the weights are kept: with weights drawn anew."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof import engines
from backproof.interchange.onnx import read_onnx

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

QUICK = ("squeezenet", "shufflenet", "inception_v1")
NAMES = ("bvlc_alexnet", "densenet121", "inception_v2", "resnet50", "vgg19", "zfnet512")
CASES = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES)]


def with_weights(model: Any) -> Any:
    """The model with weights in place of the constants of their shapes: He's for kernels, near 1 for the others."""
    rng = np.random.default_rng(0)
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    shapes = {
        node.output[0]: tuple(arrays[node.input[0]])
        for node in model.graph.node
        if node.op_type == "ConstantOfShape" and arrays[node.input[0]].dtype == np.int64
    }
    shapes |= {name: array.shape for name, array in arrays.items() if array.dtype == np.float32}
    variances = {node.input[4] for node in model.graph.node if node.op_type == "BatchNormalization"}
    drawn = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            array = rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        else:
            array = rng.uniform(0.5, 1.5, shape) if name in variances else 0.1 * rng.standard_normal(shape)
        drawn[name] = onnx.numpy_helper.from_array(array.astype(np.float32), name)
    nodes = [node for node in model.graph.node if node.output[0] not in drawn]
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in drawn]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend([*kept, *drawn.values()])
    return model


@pytest.mark.parametrize("name", CASES)
def test_with_weights_drawn_anew_it_computes_as_onnxruntime_does(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(with_weights(onnx.load(LIGHT / f"light_{name}.onnx")).SerializeToString())
    network = read_onnx(path)
    image = network.graph.inputs[0]
    x = np.random.default_rng(1).standard_normal(image.shape.bind(1), dtype=np.float32)
    expected = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {image.name: x})[0]
    found = engines.get_engine("numpy").compile(network.graph, network.parameters).forward({image.name: x})
    assert np.ptp(expected) > 0
    assert np.abs(found[network.graph.output] - expected).max() <= 1e-4 * np.abs(expected).max()
