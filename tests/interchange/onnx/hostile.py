"""Files that ask for what no honest network asks for, each with a piece of the sentence that refuses it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Make = Callable[[Path], bytes]

HOSTILE: dict[str, tuple[Make, str]] = {}
"""By name: what writes the file, given its folder, and what the refusal says."""


def hostile(sentence: str) -> Callable[[Make], Make]:
    """Decorator: this function makes a file that is refused with this piece of a sentence."""

    def register(make: Make) -> Make:
        HOSTILE[make.__name__] = make, sentence
        return make

    return register


def model(nodes: Sequence[Any], weights: dict[str, Any] | None = None, *, opset: int = 17, **more: Any) -> Any:
    """One input x, (1, 3, 8, 8), one output y."""
    tensors = [
        array if isinstance(array, TensorProto) else numpy_helper.from_array(np.asarray(array), name)
        for name, array in (weights or {}).items()
    ]
    graph = helper.make_graph(
        list(nodes),
        "net",
        more.pop("inputs", [helper.make_tensor_value_info("x", FLOAT, [1, 3, 8, 8])]),
        [helper.make_tensor_value_info("y", FLOAT, None)],
        tensors,
    )
    opsets = more.pop("opsets", [helper.make_opsetid("", opset)])
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, **more)


def of(*nodes: Any, **weights: Any) -> bytes:
    """The bytes of a file with these nodes."""
    content: bytes = model(nodes, weights).SerializeToString()
    return content


def node(op_type: str, inputs: str, output: str = "y", **attributes: Any) -> Any:
    """A node, its inputs in one word each."""
    return helper.make_node(op_type, inputs.split(), [output], **attributes)


# Not a file of ONNX


@hostile("is no ONNX model")
def empty(folder: Path) -> bytes:
    return b""


@hostile("is no ONNX model")
def text(folder: Path) -> bytes:
    return b"<html><body>404: Not Found</body></html>"


@hostile("is no ONNX model, or is damaged")
def cut_off(folder: Path) -> bytes:
    return of(node("Conv", "x w"), w=np.zeros((4, 3, 3, 3), "f"))[:-40]


@hostile("is no ONNX model")
def an_archive(folder: Path) -> bytes:
    return b"PK\x03\x04" + bytes(200)


# Sizes


@hostile("asks for an array of 549,755,813,888 numbers")
def two_tebibytes_in_88_bytes(folder: Path) -> bytes:
    graph = GraphProto(
        node=[node("ConstantOfShape", "s")],
        initializer=[TensorProto(name="s", dims=[1], data_type=INT64, int64_data=[2**39])],
        output=[helper.make_tensor_value_info("y", FLOAT, None)],
        input=[helper.make_tensor_value_info("x", FLOAT, [1])],
        name="g",
    )
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)]).SerializeToString()
    return content


@hostile("asks for an array of 1,099,511,627,776 numbers")
def expand(folder: Path) -> bytes:
    return of(node("Expand", "one s"), one=np.array([1]), s=np.array([2**20, 2**20]))


@hostile("asks for an array of 1,000,000,000,000 numbers")
def range_(folder: Path) -> bytes:
    return of(node("Range", "a b c"), a=np.array(0), b=np.array(10**12), c=np.array(1))


@hostile("asks for an array of 1,099,511,627,776 numbers")
def tile(folder: Path) -> bytes:
    return of(node("Tile", "one s"), one=np.array([[1]]), s=np.array([2**20, 2**20]))


@hostile("asks for an array of ")
def one_hot(folder: Path) -> bytes:
    return of(node("OneHot", "i d v"), i=np.arange(4), d=np.array(2**40), v=np.array([0, 1]))


@hostile("asks for an array of ")
def pad_of_a_constant(folder: Path) -> bytes:
    return of(node("Pad", "one p"), one=np.array([1]), p=np.array([0, 2**40]))


@hostile("asks for an array of 1,000,000,000,000 numbers")
def gather(folder: Path) -> bytes:
    many = node("Expand", "zero s", "i")
    return of(many, node("Gather", "rows i"), zero=np.array([0]), s=np.array([10**6]), rows=np.ones((1, 10**6), bool))


@hostile("in all such arrays")
def many_that_are_just_small_enough(folder: Path) -> bytes:
    parts = [node("ConstantOfShape", "s", f"c{i}") for i in range(100)]
    return of(*parts, node("Sum", " ".join(f"c{i}" for i in range(100))), s=np.array([2**22]))


@hostile("numbers a sample")
def expand_of_what_the_network_computes(folder: Path) -> bytes:
    return of(node("Reshape", "x r", "z"), node("Expand", "z s"), r=np.array([1, 192, 1]), s=np.array([1, 192, 2**40]))


@hostile("numbers a sample")
def resize(folder: Path) -> bytes:
    scales = np.array([1, 1, 2**20, 2**20], "f")
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return of(helper.make_node("Resize", ["x", "", "scales"], ["y"], **nearest), scales=scales)


@hostile("and 65,536 is the most")
def padding_of_a_convolution(folder: Path) -> bytes:
    return of(node("Conv", "x w", pads=[2**30] * 4), w=np.zeros((1, 3, 3, 3), "f"))


@hostile("has the shape (1099511627776,), 4,398,046,511,104 bytes, but holds 4")
def weight_without_its_numbers(folder: Path) -> bytes:
    return of(node("Mul", "x w"), w=TensorProto(name="w", dims=[2**40], data_type=FLOAT, raw_data=bytes(4)))


@hostile("numbers, but holds 1")
def numbers_that_are_missing(folder: Path) -> bytes:
    return of(node("Mul", "x w"), w=TensorProto(name="w", dims=[2**20, 2**40], data_type=FLOAT, float_data=[1.0]))


@hostile("which no array has")
def a_negative_size(folder: Path) -> bytes:
    return of(node("Mul", "x w"), w=TensorProto(name="w", dims=[-1], data_type=FLOAT, raw_data=bytes(4)))


@hostile("has 60 axes")
def sixty_axes(folder: Path) -> bytes:
    return of(node("Mul", "x w"), w=TensorProto(name="w", dims=[1] * 60, data_type=FLOAT, raw_data=bytes(4)))


@hostile("has more than 16 axes")
def axes_made_by_nodes(folder: Path) -> bytes:
    return of(node("Unsqueeze", "x a"), a=np.arange(40))


@hostile("parts, and that is the most that is read")
def a_million_empty_nodes(folder: Path) -> bytes:
    nodes = b"\x0a\x00" * 1_000_000
    return b"\x3a" + _varint(len(nodes)) + nodes


@hostile("nodes, and 50,000 is the most")
def too_many_nodes(folder: Path) -> bytes:
    return of(*(node("Relu", "x", f"v{i}") for i in range(50_001)), node("Relu", "x"))


def _varint(number: int) -> bytes:
    content = b""
    while number > 127:
        content += bytes([number & 127 | 128])
        number >>= 7
    return content + bytes([number])


# What nodes say of each other


@hostile("go in a circle")
def a_circle(folder: Path) -> bytes:
    return of(node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b"))


@hostile("it takes 'y', which a later node makes")
def a_node_that_takes_itself(folder: Path) -> bytes:
    return of(node("Relu", "y"))


@hostile("it takes 'nobody', which nobody makes")
def a_value_from_nowhere(folder: Path) -> bytes:
    return of(node("Add", "x nobody"))


@hostile("makes the value 'y' twice")
def a_value_made_twice(folder: Path) -> bytes:
    return of(node("Relu", "x"), node("Tanh", "x"))


@hostile("has two initializers called 'w'")
def an_initializer_twice(folder: Path) -> bytes:
    content = model([node("Mul", "x w")], {"w": np.ones(1, "f")})
    content.graph.initializer.append(content.graph.initializer[0])
    return content.SerializeToString()


@hostile("no node makes")
def an_output_from_nowhere(folder: Path) -> bytes:
    return of(node("Relu", "x", "z"))


@hostile("which is an input as it came")
def nothing_at_all(folder: Path) -> bytes:
    return of(node("Identity", "x"))


@hostile("has no operator Frobnicate")
def an_unknown_operator(folder: Path) -> bytes:
    return of(node("Frobnicate", "x"))


@hostile("operators of other domains than ONNX's own: com.example.Run")
def an_unknown_domain(folder: Path) -> bytes:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    return model([helper.make_node("Run", ["x"], ["y"], domain="com.example")], opsets=opsets).SerializeToString()


@hostile("must name one opset")
def no_opset(folder: Path) -> bytes:
    return model([node("Relu", "x")], opsets=[helper.make_opsetid("com.example", 1)]).SerializeToString()


@hostile("is of opset 6; this version reads the opsets 7 to ")
def an_old_opset(folder: Path) -> bytes:
    return model([node("Relu", "x")], opset=6).SerializeToString()


@hostile("is of opset 9999")
def an_opset_to_come(folder: Path) -> bytes:
    return model([node("Relu", "x")], opset=9999).SerializeToString()


@hostile("(1, 3, 8, 8)")
def shapes_that_do_not_fit(folder: Path) -> bytes:
    return of(node("MatMul", "x w"), w=np.ones((5, 2), "f"))


@hostile("where (4, 3, 3, 3) fits")
def weights_that_do_not_fit(folder: Path) -> bytes:
    return of(node("Conv", "x w"), w=np.ones((4, 2, 3, 3), "f"))


@hostile("a dimension is a whole number")
def an_input_of_size_zero(folder: Path) -> bytes:
    inputs = [helper.make_tensor_value_info("x", FLOAT, [1, 0])]
    return model([node("Relu", "x")], inputs=inputs).SerializeToString()


# Attributes


@hostile("has no attribute 'alpha'")
def an_attribute_too_many(folder: Path) -> bytes:
    return of(node("Relu", "x", alpha=1.0))


@hostile("its attribute 'strides' is no INTS")
def an_attribute_of_another_type(folder: Path) -> bytes:
    return of(node("Conv", "x w", strides="wide"), w=np.ones((4, 3, 3, 3), "f"))


@hostile("must be 1 or more")
def a_stride_of_zero(folder: Path) -> bytes:
    return of(node("Conv", "x w", strides=[0, 1]), w=np.ones((4, 3, 3, 3), "f"))


@hostile("axis 99 does not fit")
def an_axis_that_is_not_there(folder: Path) -> bytes:
    return of(node("Concat", "x x", axis=99))


@hostile("its attribute 'axis' is missing")
def an_attribute_that_is_missing(folder: Path) -> bytes:
    return of(node("Concat", "x x"))


@hostile("it has 1 inputs, and Conv takes 2 to 3")
def an_input_that_is_missing(folder: Path) -> bytes:
    return of(node("Conv", "x"))


# Graphs in graphs, and functions


def _branch(inner: Any) -> Any:
    return helper.make_graph([inner], "branch", [], [helper.make_tensor_value_info("b", FLOAT, None)])


@hostile("(If): networks whose nodes depend on values are not imported")
def a_branch(folder: Path) -> bytes:
    branch = _branch(node("Relu", "x", "b"))
    return of(node("If", "c", then_branch=branch, else_branch=branch), c=np.array(True))


@hostile("nests parts more than 24 deep")
def branches_in_branches(folder: Path) -> bytes:
    inner = node("Relu", "x", "b")
    for _ in range(30):
        inner = node("If", "c", "b", then_branch=_branch(inner))
    return of(inner, node("Relu", "b"), c=np.array(True))


@hostile("nests parts more than 24 deep")
def thousands_of_levels(folder: Path) -> bytes:
    content = b""
    for _ in range(5000):  # graph in attribute in node in graph, around what there is
        for field in (AttributeProto.G_FIELD_NUMBER, 5, 1):
            content = bytes([field << 3 | 2]) + _varint(len(content)) + content
    return b"\x3a" + _varint(len(content)) + content


def _function(name: str, calls: Sequence[str]) -> Any:
    values = ["a", *(f"v{i}" for i in range(len(calls) - 1)), "b"]
    nodes = [
        helper.make_node(call, [values[i]], [values[i + 1]], domain="own" if call != "Relu" else "")
        for i, call in enumerate(calls)
    ]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, opsets)


def _with_functions(first: str, functions: Sequence[Any]) -> bytes:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    call = helper.make_node(first, ["x"], ["y"], domain="own")
    content: bytes = model([call], opsets=opsets, functions=functions).SerializeToString()
    return content


@hostile("nodes, and 50,000 is the most")
def functions_that_double_each_other(folder: Path) -> bytes:
    functions = [_function("f0", ["Relu"]), *(_function(f"f{i + 1}", [f"f{i}"] * 10) for i in range(12))]
    return _with_functions("f12", functions)


@hostile("call each other in a circle")
def functions_that_call_each_other(folder: Path) -> bytes:
    return _with_functions("f", [_function("f", ["g"]), _function("g", ["f"])])


# Other files


def _outside(location: str, **entries: Any) -> bytes:
    tensor = TensorProto(name="w", dims=[4], data_type=FLOAT, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return of(node("Mul", "x w"), w=tensor)


@hostile("which is not in the folder of the model")
def a_file_above_the_folder(folder: Path) -> bytes:
    (folder.parent / "secret").write_bytes(bytes(16))
    return _outside("../secret")


@hostile("which is not in the folder of the model")
def a_file_of_the_system(folder: Path) -> bytes:
    return _outside("/etc/passwd")


@hostile("which is not in the folder of the model")
def a_link_out_of_the_folder(folder: Path) -> bytes:
    (folder.parent / "secret").write_bytes(bytes(16))
    (folder / "link").symlink_to(folder.parent / "secret")
    return _outside("link")


@hostile("which is no file")
def a_device(folder: Path) -> bytes:
    (folder / "devices").mkdir()
    return _outside("devices")


@hostile("asks for 16 bytes of 'data', which has 8")
def a_file_that_is_too_short(folder: Path) -> bytes:
    (folder / "data").write_bytes(bytes(8))
    return _outside("data")


@hostile("asks for 16 bytes of 'data', which has 16")
def an_offset_below_zero(folder: Path) -> bytes:
    (folder / "data").write_bytes(bytes(16))
    return _outside("data", offset=-8)


@hostile("in words that are no numbers")
def an_offset_that_is_no_number(folder: Path) -> bytes:
    (folder / "data").write_bytes(bytes(16))
    return _outside("data", offset="many")


# What no network here does


@hostile("it is in training mode")
def batch_norm_in_training(folder: Path) -> bytes:
    names = "s b m v"
    weights = {name: np.ones(3, "f") for name in names.split()}
    return of(helper.make_node("BatchNormalization", ["x", *weights], ["y"], training_mode=1), **weights)


@hostile("holds no numbers")
def texts(folder: Path) -> bytes:
    tensor = TensorProto(name="w", dims=[1], data_type=TensorProto.STRING, string_data=[b"word"])
    return of(node("Mul", "x w"), w=tensor)


@hostile("holds string, which is no number")
def an_input_of_texts(folder: Path) -> bytes:
    inputs = [helper.make_tensor_value_info("x", TensorProto.STRING, [1])]
    return model([node("Relu", "x")], inputs=inputs).SerializeToString()


@hostile("complex numbers")
def complex_numbers(folder: Path) -> bytes:
    return of(node("Mul", "x w"), w=numpy_helper.from_array(np.ones(3, np.complex64), "w"))


@hostile("sparse initializers")
def sparse(folder: Path) -> bytes:
    content = model([node("Mul", "x w")])
    values = numpy_helper.from_array(np.ones(1, "f"), "w")
    tensor = helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, np.int64)), [3])
    content.graph.sparse_initializer.append(tensor)
    return content.SerializeToString()
