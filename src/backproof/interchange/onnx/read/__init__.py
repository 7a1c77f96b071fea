"""ONNX files as networks. Reading runs nothing that a file brings: it is parsed, bounded, and translated node by node.

wire.py, load.py    the file: sizes, parts, names, external data, before anything is built of it
values.py, fold.py  what is known before the network runs: weights, constants, and shapes that nodes compute
call.py             one node while it is translated: its attributes, inputs, and what it becomes
operators/          what each operator of ONNX becomes, one file a family
importing.py        the walk over the nodes, the batch size, and the list of what cannot be imported
"""
