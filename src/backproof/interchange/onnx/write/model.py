"""A whole network as a file of ONNX."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, defs, helper, numpy_helper

from backproof import __version__
from backproof.data.options import PreprocessingOptions
from backproof.data.preprocessing import Step, steps_of
from backproof.errors import ModelError, OptionError
from backproof.graph import Arrays, Graph, Node, Shape
from backproof.interchange.onnx import OPSET
from backproof.interchange.onnx.write.preprocessing import preprocessing_nodes
from backproof.interchange.onnx.write.table import ELEMENTS, WRITERS, Names, Writer

IR = 10
"""The version of the format itself, unless the opset needs a newer one. Released runtimes lag behind both."""

OLDEST = 18
"""The first opset that has the operators in the form in which they are written."""

LARGEST = 2**31 - 1
"""The bytes that a file of protocol buffers can have."""

GRAPH = "backproof.graph"
"""The key of the metadata under which a file holds the network as backproof describes it."""


def onnx_bytes(
    graph: Graph,
    parameters: Arrays,
    *,
    opset: int = OPSET,
    dtype: str = "float32",
    metadata: Mapping[str, str] | None = None,
    preprocessing: PreprocessingOptions | None = None,
    image_shape: tuple[int, ...] = (),
    outputs: Collection[str] = (),
) -> bytes:
    """As `backproof.interchange.onnx.onnx_bytes`.

    `outputs`: names of nodes whose values are put out, losses among them; by default the network's own outputs.
    """
    model = structure(graph, opset=opset, dtype=dtype, outputs=outputs)
    size = sum(np.size(parameters[tensor.name]) for tensor in model.graph.initializer) * np.dtype(dtype).itemsize
    if size + model.ByteSize() > LARGEST:
        raise ModelError(f"a file of ONNX holds less than 2 GiB, and the network's weights take {size / 2**30:.1f} GiB")
    for tensor in model.graph.initializer:
        array = np.asarray(parameters[tensor.name], helper.tensor_dtype_to_np_dtype(tensor.data_type), order="C")
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    if preprocessing is not None:
        _put_before(model, graph, steps_of(preprocessing), image_shape, dtype)
    if not outputs:
        helper.set_model_props(model, described(graph) | dict(metadata or {}))
    content: bytes = model.SerializeToString()
    return content


def described(graph: Graph) -> dict[str, str]:
    """What a file says of its network."""
    bare = graph.without_loss(auxiliary=True)
    return {"backproof.version": __version__, "backproof.graph_hash": bare.hash, GRAPH: bare.to_json()}


def _put_before(
    model: ModelProto, graph: Graph, steps: Sequence[Step], image_shape: tuple[int, ...], dtype: str
) -> None:
    """Let the file take pixels, and begin with the steps that make of them what the network takes."""
    x = graph.inputs[0]
    names = Names([*graph.shapes, *graph.parameters, *(node.name for node in model.graph.node)])
    shape = image_shape or tuple(int(dim) for dim in x.shape[1:])
    if len(shape) != 3:
        raise ModelError(f"the network takes {x.shape}, which is no image: there is nothing to preprocess")
    pixels, nodes = preprocessing_nodes(steps, shape, x, names, model.opset_import[0].version, dtype)
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    model.graph.input[0].CopyFrom(pixels)


def structure(graph: Graph, *, opset: int = OPSET, dtype: str = "float32", outputs: Collection[str] = ()) -> ModelProto:
    """The file without weights: of each initializer its name, shape and dtype alone."""
    if not OLDEST <= opset <= defs.onnx_opset_version():
        raise OptionError("{opset:{}}: opsets {} to {} can be written", opset, OLDEST, defs.onnx_opset_version())
    if not outputs:
        graph, outputs = graph.without_loss(auxiliary=True), graph.outputs
    _require_writers(graph.nodes)
    names = Names([*graph.shapes, *graph.parameters])
    nodes, values = [], {i.name: i.name for i in graph.inputs}
    for node in graph.nodes:
        taken = node.name in graph.parameters
        if taken and node.op.arity == 0 and node.path("weight") == node.name and node.name not in outputs:
            values[node.name] = node.name  # a weight that stands by itself, and is its own value
            continue
        values[node.name] = names.unique(f"{node.name}/value") if taken else node.name
        w = Writer(node, graph, opset, dtype, names)
        made = WRITERS[type(node.op)](w, node.op, *(values[name] for name in node.inputs))
        nodes += w.finish(made, values[node.name])
    element = ELEMENTS[dtype]
    kinds = {"float": element, "int": TensorProto.INT64, "bool": TensorProto.BOOL}
    initializers = [
        # A weight that stands by itself is of the kind of its value; all others are floats.
        TensorProto(
            name=node.path(local), data_type=kinds[node.kind] if node.op.arity == 0 else element, dims=spec.shape
        )
        for node in graph.nodes
        for local, spec in node.parameters.items()
    ]
    written = helper.make_graph(
        nodes,
        "backproof",
        [_value(i.name, i.shape, kinds[i.kind]) for i in graph.inputs],
        [_value(values[name], graph.shapes[name], kinds[graph.kinds[name]]) for name in outputs],
        initializers,
    )
    imports = [helper.make_opsetid("", opset)]
    ir = max(IR, helper.find_min_ir_version_for(imports))
    return helper.make_model(
        written, opset_imports=imports, ir_version=ir, producer_name="backproof", producer_version=__version__
    )


def _value(name: str, shape: Shape, element: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, element, list(shape))


def _require_writers(nodes: Iterable[Node]) -> None:
    missing = [f"'{node.name}' ({type(node.op).__name__})" for node in nodes if type(node.op) not in WRITERS]
    if missing:
        raise ModelError(f"ONNX has no operations for {', '.join(missing)}; only backproof's own can be exported")
