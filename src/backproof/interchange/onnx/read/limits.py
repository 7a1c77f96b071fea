"""How large a file may be, and what it asks for. Files of strangers are checked against these before anything is built.

Reading takes at most `MEMORY_MULTIPLE` times the size of the file (with its external data) and `MEMORY_MORE` beside it.
"""

FILE_BYTES = 2**31 - 1
"""ONNX files are protobuf messages, which can be no larger; larger weights lie in external data."""

EXTERNAL_BYTES = 2**36
"""64 GiB of external data: more than any computer takes that trains in NumPy."""

PARTS = 500_000
"""Fields of the file in all. An empty part takes 2 bytes in a file and up to 200 in memory. A network of 1,000 nodes
has about 20,000; half a million are looked through in a second."""

DEPTH = 24
"""Messages within messages. A tensor in an attribute of a node is at depth 4; a subgraph adds 3."""

NODES = 50_000
"""Nodes, those in functions as often as the functions are used. ResNet-152 has 500, large transformers 10,000."""

RANK = 16
"""Axes of an array. Networks have 6 or fewer."""

ELEMENTS = 2**30
"""Numbers a sample in any value of the network: 4 GiB in float32."""

WINDOW = 2**16
"""Pixels along a side of a window, and beside an image: more than any image has."""

FOLDED = 2**22
"""Numbers in an array that is computed while reading: shapes have a few, masks of attention a million."""

FOLDED_IN_ALL = 2**23
"""Numbers in all such arrays of a network together."""

MEMORY_MULTIPLE = 20
"""Whole numbers written in one byte each take 8 in the message and 8 as an array."""

MEMORY_MORE = 512 * 2**20
"""The parts of a file that is nothing but parts, constants that are computed, and the library that reads ONNX."""
