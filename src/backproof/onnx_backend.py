"""backproof as a backend of ONNX (https://onnx.ai/onnx/api/backend.html), which ONNX's own test suite can examine.

    import backproof.onnx_backend as backend

    outputs = backend.prepare(onnx.load("model.onnx")).run([x])
    outputs = backend.prepare(model, engine="torch", dtype="float64").run([x])

`backproof.interchange.onnx.read_onnx` gives the network itself, to look at and to train.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backproof.engines import Predictor, get_engine
from backproof.engines.base import DType
from backproof.errors import ModelError
from backproof.graph import Array, Graph, Input
from backproof.interchange.onnx.require import require_onnx

require_onnx("backproof.onnx_backend")

from onnx import TensorProto, helper  # noqa: E402
from onnx.backend.base import Backend as OnnxBackend  # noqa: E402
from onnx.backend.base import BackendRep  # noqa: E402

from backproof.interchange.onnx.read.importing import (  # noqa: E402
    CannotImportError,
    Source,
    Translation,
    shape_of,
    translate,
)
from backproof.interchange.onnx.read.load import checked  # noqa: E402
from backproof.interchange.onnx.read.tensor import kind_of_element  # noqa: E402
from backproof.interchange.onnx.read.values import Edge  # noqa: E402

DTYPES: Mapping[str, Any] = {"float": None, "int": np.int64, "bool": np.bool_}


class Prepared(BackendRep):  # type: ignore[misc]  # onnx has no types
    """A model on an engine. Its network is put together for the shapes that the first run brings.

    What the network has as a weight or an attribute and the file as an input, such as the sizes of `Reshape`, is taken
    from the inputs of each run.
    """

    def __init__(self, model: Any, engine: str, dtype: DType | None) -> None:
        self._source = Source(checked(model, "the model"), "the model")
        self._engine = get_engine(engine)
        self._dtype = dtype or _dtype(model)
        self._arrays = self._source.arrays()
        self._known: set[str] = set()

    def run(self, inputs: Sequence[Array] | Mapping[str, Array], **kwargs: Any) -> tuple[Array, ...]:  # noqa: ARG002
        """The outputs, in the file's order and of its types. `inputs`: in the file's order, or by name."""
        names = [value.name for value in self._source.inputs]
        by_name = dict(inputs) if isinstance(inputs, Mapping) else dict(zip(names, inputs, strict=False))
        if missing := [name for name in names if name not in by_name]:
            raise ModelError(f"the input '{missing[0]}' is missing")
        arrays = {name: np.asarray(array) for name, array in by_name.items()}
        self._known |= {name for name, array in arrays.items() if not array.size}  # no value of a network is empty
        translation = self._translated(arrays)
        values = self._computed(translation, arrays)
        declared = {value.name: value.type.tensor_type.elem_type for value in self._source.model.graph.output}
        return tuple(_of_type(values[name], declared[name]) for name in translation.outputs)

    def _translated(self, arrays: Mapping[str, Array]) -> Translation:
        """On inputs of these shapes, with those given as constants that have to be."""
        while True:
            inputs = [self._input(value, arrays) for value in self._source.inputs if value.name not in self._known]
            known = {name: arrays[name] for name in self._known}
            try:
                return translate(self._source, inputs, self._arrays, known)
            except CannotImportError as error:
                needed = {name for problem in error.problems for name in self._leading_to(problem.needs)}
                if not needed - self._known:
                    raise
                self._known |= needed

    def _input(self, value: Any, arrays: Mapping[str, Array]) -> Input:
        place = f"the input '{value.name}'"
        kind = kind_of_element(value.type.tensor_type.elem_type)
        return Input(value.name, shape_of([*arrays[value.name].shape], place), kind)

    def _leading_to(self, value: str) -> set[str]:
        """The inputs that a value is computed from."""
        found = {value}
        for node in reversed(self._source.model.graph.node):
            if found.intersection(node.output):
                found.update(node.input)
        return found.intersection(value.name for value in self._source.inputs)

    def _computed(self, translation: Translation, arrays: Mapping[str, Array]) -> dict[str, Array]:
        net, outputs = translation.net, translation.outputs
        computed = {value.name for value in outputs.values() if isinstance(value, Edge) and value.name in net.nodes}
        values = dict(arrays) | (self._forward(translation, sorted(computed), arrays) if computed else {})
        return {n: values[v.name] if isinstance(v, Edge) else np.asarray(v.array) for n, v in outputs.items()}

    def _forward(self, translation: Translation, want: Sequence[str], arrays: Mapping[str, Array]) -> dict[str, Array]:
        net = translation.net
        main, *others = want
        graph = Graph(net.inputs, tuple(net.nodes.values()), main, auxiliary=tuple(others))
        predictor: Predictor = self._engine.compile(graph, net.parameters, dtype=self._dtype)
        inputs = {i.name: arrays[i.name].astype(DTYPES[i.kind] or self._dtype) for i in net.inputs}
        return predictor.forward(inputs, want=want)


class Backend(OnnxBackend):  # type: ignore[misc]
    """ONNX's interface. Options of `prepare`: `engine`, "numpy" unless said, and `dtype`, that of the file."""

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> Prepared:
        """The model, ready to run. Raises `UserError` where it is none, or needs another device."""
        if not cls.supports_device(device):
            raise ModelError(f"backproof's backend of ONNX computes on the device CPU, not {device}")
        return Prepared(model, kwargs.get("engine", "numpy"), kwargs.get("dtype"))

    @classmethod
    def run_model(cls, model: Any, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Array, ...]:
        """The outputs of the model on inputs."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls, node: Any, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any
    ) -> tuple[Array, ...]:
        """The outputs of one node; `outputs_info`: (dtype, shape) of each, by default as the first input."""
        arrays = [np.asarray(x) for x in inputs]
        types = [info[0] for info in outputs_info] if outputs_info else [arrays[0].dtype] * len(node.output)
        names = [name for name in node.input if name]
        graph = helper.make_graph(
            [node],
            "node",
            [_info(name, x.dtype, x.shape) for name, x in zip(names, arrays, strict=True)],
            [_info(name, dtype, None) for name, dtype in zip(node.output, types, strict=True)],
        )
        opset = kwargs.pop("opset_version", None)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)] if opset else None)
        return cls.run_model(model, arrays, device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.partition(":")[0] == "CPU"


def _dtype(model: Any) -> DType:
    """float64 if the file says so of an input or an initializer."""
    types = [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)]
    types += [tensor.data_type for tensor in model.graph.initializer]
    return "float64" if TensorProto.DOUBLE in types else "float32"


def _of_type(array: Array, element: int) -> Array:
    return array.astype(helper.tensor_dtype_to_np_dtype(element), copy=False) if element else array


def _info(name: str, dtype: Any, shape: Any) -> Any:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


prepare = Backend.prepare
run_model = Backend.run_model
run_node = Backend.run_node
supports_device = Backend.supports_device
