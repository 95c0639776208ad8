"""Functions that create tensors: filled, counted or random.

The generators of random numbers are here; PyTorch's streams themselves are in `jtorch.core.streams`.
"""
