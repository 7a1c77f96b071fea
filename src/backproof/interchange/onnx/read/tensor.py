"""Arrays of a file: initializers and constants, within the file or in one beside it."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from backproof.errors import ModelError
from backproof.graph import Array
from backproof.graph.op import Kind
from backproof.interchange.onnx.read import limits

HALF = 10, 16
"""FLOAT16 and BFLOAT16, which become float32."""


def array_of(tensor: Any, folder: Path | None, place: str) -> Array:
    """The numbers of a `TensorProto`. Raises `ModelError`, naming `place`, if they are not what its shape says.

    `folder`: where external data may lie; None: nowhere.
    """
    from onnx import TensorProto, helper, numpy_helper

    dims = tuple(tensor.dims)
    if len(dims) > limits.RANK:
        raise ModelError(f"{place} has {len(dims)} axes, and {limits.RANK} is the most that is read")
    if any(dim < 0 for dim in dims) or tensor.HasField("segment"):
        raise ModelError(f"{place} has the shape {dims}, which no array has")
    kind = tensor.data_type
    if kind not in TensorProto.DataType.values() or kind in (TensorProto.UNDEFINED, TensorProto.STRING):
        raise ModelError(f"{place} holds no numbers")
    bits = _bits(kind)
    expected = (prod(dims) * bits + 7) // 8
    if tensor.data_location == TensorProto.EXTERNAL:
        raw = _external(tensor, folder, expected, place)
    elif tensor.HasField("raw_data"):
        raw = bytes(tensor.raw_data)
    else:
        raw = None
    if raw is not None:
        if len(raw) != expected:
            raise ModelError(f"{place} has the shape {dims}, {expected:,} bytes, but holds {len(raw):,}")
        if bits >= 8 and kind not in HALF and np.dtype(helper.tensor_dtype_to_np_dtype(kind)).kind in "fiub":
            dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind)).newbyteorder("<")
            return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(dims)
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor = helper.make_tensor(tensor.name, kind, dims, raw, raw=True)
    else:
        count = sum(len(getattr(tensor, f"{field}_data")) for field in ("float", "double", "int32", "int64", "uint64"))
        packed = 1 if bits >= 8 else 8 // bits
        if count != -(-prod(dims) // packed):
            raise ModelError(f"{place} has the shape {dims}, {prod(dims):,} numbers, but holds {count:,}")
    try:
        array: Array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelError(f"{place} cannot be read: {error}") from error
    if array.dtype.kind == "c":
        raise ModelError(f"{place} holds complex numbers")
    return array.astype(np.float32) if kind in HALF or array.dtype.kind not in "fiub" else array


def _bits(kind: int) -> int:
    """How many bits a number takes in raw data."""
    from onnx import TensorProto, helper

    name = TensorProto.DataType.Name(kind)
    if name.endswith("INT4") or name.startswith("FLOAT4"):
        return 4
    if name.endswith("INT2"):
        return 2
    return 8 * int(np.dtype(helper.tensor_dtype_to_np_dtype(kind)).itemsize)


def _external(tensor: Any, folder: Path | None, expected: int, place: str) -> bytes:
    """The bytes of a tensor whose numbers lie in another file, which must be in the folder of the model."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise ModelError(f"{place} has its numbers in the file '{location}', and a model that is no file has no folder")
    home = folder.resolve()
    path = (home / location).resolve()
    if not location or not path.is_relative_to(home) or path == home:
        raise ModelError(f"{place} has its numbers in '{location}', which is not in the folder of the model")
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", expected))
    except ValueError as error:
        raise ModelError(f"{place} says where in '{location}' its numbers are in words that are no numbers") from error
    if not path.is_file():
        raise ModelError(f"{place} has its numbers in '{location}', which is no file")
    if length != expected or not 0 <= offset <= path.stat().st_size - length or length > limits.EXTERNAL_BYTES:
        raise ModelError(
            f"{place} asks for {expected:,} bytes of '{location}', which has {path.stat().st_size:,}: {length:,} from "
            f"{offset:,} on"
        )
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content: bytes = file.read(length)
            return content
    except OSError as error:
        raise ModelError(f"{place} has its numbers in '{location}', which cannot be read: {error.strerror}") from error


def kind_of_element(element: int) -> Kind:
    """What values of an element type of ONNX are here. Raises `ModelError` for texts and complex numbers."""
    from onnx import TensorProto

    name = TensorProto.DataType.Name(element) if element in TensorProto.DataType.values() else "UNDEFINED"
    if name == "BOOL":
        return "bool"
    if "INT" in name:
        return "int"
    if "FLOAT" in name or name == "DOUBLE":
        return "float"
    raise ModelError(f"holds {name.lower()}, which is no number")
