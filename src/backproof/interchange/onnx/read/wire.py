"""A look through the bytes of a protobuf message before it is parsed, since empty parts grow a hundredfold in memory.

The encoding: https://protobuf.dev/programming-guides/encoding. Each field is a tag (number and wire type) and a value;
a message within a message is a field of a length and so many bytes.
"""

from functools import cache
from typing import Any

from backproof.errors import ModelError
from backproof.interchange.onnx.read import limits

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def require_bounded(data: bytes, source: str) -> None:
    """Raise `ModelError` where the bytes are no ONNX model, or have more parts, or nest deeper, than `limits` allow."""
    from onnx import ModelProto

    damaged = ModelError(f"'{source}' is no ONNX model, or is damaged")
    parts = 0
    within: list[tuple[int, Any]] = [(len(data), ModelProto.DESCRIPTOR)]  # where each message ends, and what it is
    at = 0
    while within:
        end, message = within[-1]
        if at == end:
            within.pop()
            continue
        parts += 1
        if parts > limits.PARTS:
            raise ModelError(f"'{source}' has more than {limits.PARTS:,} parts, and that is the most that is read")
        tag, at = (data[at], at + 1) if data[at] < 128 else _varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            _, at = _varint(data, at, end)
        elif wire == FIXED64:
            at += 8
        elif wire == FIXED32:
            at += 4
        elif wire == BYTES:
            length, at = (data[at], at + 1) if at < end and data[at] < 128 else _varint(data, at, end)
            if at < 0 or at + length > end:
                raise damaged
            inner = _messages(message).get(number)
            if inner is None:
                if number in _texts(message) and not _is_text(data[at : at + length]):
                    raise damaged
                at += length
            else:
                within.append((at + length, inner))
                if len(within) > limits.DEPTH:
                    raise ModelError(f"'{source}' nests parts more than {limits.DEPTH} deep, which no network does")
        else:
            raise damaged
        if at < 0 or at > end:
            raise damaged


@cache
def _messages(message: Any) -> dict[int, Any]:
    """The kinds of those fields that are messages, by their numbers."""
    return {field.number: field.message_type for field in message.fields if field.message_type is not None}


@cache
def _texts(message: Any) -> frozenset[int]:
    """The numbers of those fields that are texts, such as names."""
    return frozenset(field.number for field in message.fields if field.type == field.TYPE_STRING)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The whole number that begins at `at`, and where it ends; -1 where it does not."""
    value = 0
    for place in range(at, min(at + 10, end)):
        byte = data[place]
        value |= (byte & 127) << 7 * (place - at)
        if byte < 128:
            return value, place + 1
    return 0, -1
