"""PyTorch's random numbers on the CPU: mt19937 and what is made of its output, with NumPy.

Does not know tensors or JAX."""

from jtorch.core.streams import draws, rounding
from jtorch.core.streams.stream import RandomStream

__all__ = ["RandomStream", "draws", "rounding"]
