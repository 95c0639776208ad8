"""Functions that make a tensor of nothing: filled, counted or random ones.

The generators of random numbers are here; PyTorch's streams themselves are in `jtorch.core.streams`.
"""
