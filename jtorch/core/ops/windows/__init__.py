"""Ops that pass a window over an image: convolution, pooling, padding, folding, resizing, sampling on a grid.

Weights are arguments; modules are in `jtorch.nn`.
"""
