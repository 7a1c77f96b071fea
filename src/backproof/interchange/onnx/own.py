"""Files of ONNX that backproof wrote: the network comes back as it was, node for node and attribute for attribute.

ONNX has no word for much of what a network says: probabilities of dropout by channel, initial weights, which weights
decay. So a file holds the network's own description besides. It is believed only where writing that network again gives
the very nodes of the file: one that was edited since is what its nodes say.
"""

from onnx import GraphProto, ModelProto, TensorProto

from backproof.graph import Graph
from backproof.interchange.onnx.write.model import GRAPH, structure
from backproof.interchange.onnx.write.preprocessing import PIXELS, PREFIX


def own_graph(model: ModelProto) -> Graph | None:
    """The network that the file describes in its metadata, if that and the file's nodes are the same; else None."""
    text = next((entry.value for entry in model.metadata_props if entry.key == GRAPH), "")
    if not text or model.producer_name != "backproof" or len(model.opset_import) != 1:
        return None
    dtype = "float64" if any(t.data_type == TensorProto.DOUBLE for t in model.graph.initializer) else "float32"
    try:
        graph = Graph.from_json(text)
        again = structure(graph, opset=model.opset_import[0].version, dtype=dtype)
    except Exception:  # a description that is damaged in whatever way describes nothing, and the nodes are read instead
        return None
    network = GraphProto()
    network.CopyFrom(model.graph)
    if any(i.name == PIXELS for i in network.input):
        _without_preprocessing(network, again.graph)
    return graph if _content(again.graph) == _content(network) else None


def _without_preprocessing(network: GraphProto, again: GraphProto) -> None:
    """Leave out the nodes in front of the network: what they do stands in the metadata too."""
    kept = [node for node in network.node if not node.name.startswith(f"{PREFIX}/")]
    del network.node[:], network.input[:]
    network.node.extend(kept)
    network.input.extend(again.input)


def _content(graph: GraphProto) -> list[object]:
    """All that a graph says, but for the values of its weights."""
    weights = sorted((tensor.name, tensor.data_type, tuple(tensor.dims)) for tensor in graph.initializer)
    parts = (graph.node, graph.input, graph.output)
    return [weights, *([item.SerializeToString(deterministic=True) for item in part] for part in parts)]
