"""Flax beside PyTorch's programming model: an NNX or linen module as an `nn.Module`, and an `nn.Module` as an NNX one.

Needs flax, which the extra `flax` installs. Not a module of PyTorch's.
"""

from jtorch.flax.nnx_module import NNXModule
from jtorch.flax.torch_module import Module

__all__ = ["Module", "NNXModule"]
