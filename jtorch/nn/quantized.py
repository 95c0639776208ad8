"""`torch.nn.quantized`: the old place of `torch.ao.nn.quantized`."""

from jtorch.ao.nn.quantized import *  # noqa: F403 - all of its names
from jtorch.ao.nn.quantized import __all__ as __all__
