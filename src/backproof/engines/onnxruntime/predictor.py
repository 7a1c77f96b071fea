"""A network with its weights, computed by ONNX Runtime."""

import re
from collections.abc import Collection

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from backproof.engines.base import EVALUATION, DType, Mode
from backproof.engines.inputs import asked_for, batch_size, check_parameters, in_dtype
from backproof.errors import DataError, UserError
from backproof.graph import Array, Arrays, Graph
from backproof.interchange.onnx.write import onnx_bytes
from backproof.ops import BatchNorm
from backproof.ops.dropout import Dropping
from backproof.ops.label_loss import LabelLoss

SILENT = 4
"""ONNX Runtime's level of what it writes to standard error: nothing, since its exceptions say it too."""


class OnnxPredictor:
    """See `backproof.engines.base.Predictor`. Float inputs of another dtype are converted.

    A session gives the values that its file names as outputs, and those alone: there is one for each choice of them,
    made when it is first asked for.
    """

    def __init__(self, graph: Graph, parameters: Arrays, threads: int) -> None:
        self.graph = graph
        self.dtype: DType = "float32"
        self._threads = threads
        self._sessions: dict[tuple[str, ...], onnxruntime.InferenceSession] = {}
        self._parameters: dict[str, Array] = {}
        self.load(parameters)
        self._session((graph.output,))

    def forward(self, inputs: Arrays, mode: Mode = EVALUATION, want: Collection[str] = ()) -> dict[str, Array]:
        """As `Predictor.forward`. Raises `UserError` for training mode, where it makes a difference."""
        with_loss, names = asked_for(self.graph, inputs, want)
        batch_size(self.graph, inputs, targets=with_loss)
        if mode.training:
            self._require_no_training()
        if with_loss:
            self._require_classes(inputs)
        opened = self._session(tuple(names))
        entered = in_dtype(self.graph, inputs, self.dtype)
        taken = {i.name: np.asarray(entered[i.name], order="C") for i in opened.get_inputs()}
        try:
            values = opened.run(None, taken)
        except InvalidArgument as error:
            raise DataError(_reason(str(error))) from error
        return dict(zip(names, map(np.array, values), strict=True))

    def parameters(self) -> dict[str, Array]:
        return {name: array.copy() for name, array in self._parameters.items()}

    def load(self, parameters: Arrays) -> None:
        check_parameters(self.graph, parameters)
        self._parameters = {name: np.array(parameters[name], np.float32) for name in self.graph.parameters}
        self._sessions.clear()

    def _session(self, names: tuple[str, ...]) -> onnxruntime.InferenceSession:
        if names not in self._sessions:
            content = onnx_bytes(_leading_to(self.graph, names), self._parameters, outputs=names)
            self._sessions[names] = session(content, self._threads)
        return self._sessions[names]

    def _require_no_training(self) -> None:
        for node in self.graph.nodes:
            if isinstance(node.op, BatchNorm) or (isinstance(node.op, Dropping) and node.op.p):
                kind = type(node.op).__name__
                raise UserError(
                    f"engine 'onnxruntime' predicts alone, and node '{node.name}' ({kind}) would be trained"
                )

    def _require_classes(self, inputs: Arrays) -> None:
        """Raise `UserError` for a label that is no class: ONNX Runtime counts negative ones from the end."""
        for node in self.graph.nodes:
            if isinstance(node.op, LabelLoss) and node.inputs[1] in inputs:
                classes, labels = int(self.graph.shapes[node.inputs[0]][1]), inputs[node.inputs[1]]
                wrong = labels[((labels < 0) | (labels >= classes)) & (labels != node.op.ignore_index)]
                if wrong.size:
                    raise DataError(f"node '{node.name}': labels lie in 0..{classes - 1}, but some are {wrong[0]}")


def _reason(message: str) -> str:
    """The node, and what ONNX Runtime says of it."""
    found = re.search(r"Name:'(?P<node>.*?)' Status Message: (?P<why>.*)", message, re.DOTALL)
    return f"node '{found['node']}': {found['why'].strip()}" if found else message


def session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the content of a file, with so many threads; 0: its own choice."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.use_deterministic_compute = True
    options.log_severity_level = SILENT
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _leading_to(graph: Graph, names: Collection[str]) -> Graph:
    """The nodes, and the inputs, that the values of `names` depend on."""
    needed = set[str]().union(*(graph.leading_to(name) for name in names))
    nodes = tuple(node for node in graph.nodes if node.name in needed)
    taken = {name for node in nodes for name in node.inputs}
    inputs = [i for i in graph.inputs if i.name in taken]
    if not any(i.shape.has_batch for i in inputs):  # a constant may still be repeated for every sample
        inputs += [i for i in graph.inputs if i.shape.has_batch][:1]
    return Graph(tuple(inputs), nodes, names[0])  # type: ignore[index]
