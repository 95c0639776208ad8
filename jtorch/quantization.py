"""`torch.quantization`: the old place of `torch.ao.quantization`."""

from jtorch.ao.quantization import *  # noqa: F403 - all of its names
from jtorch.ao.quantization import __all__ as __all__
