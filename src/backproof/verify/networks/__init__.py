"""Whole networks, node by node: which node is wrong, and which only pass an error on."""
