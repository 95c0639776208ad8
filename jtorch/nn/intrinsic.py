"""`torch.nn.intrinsic`: the old place of `torch.ao.nn.intrinsic`."""

from jtorch.ao.nn.intrinsic import *  # noqa: F403 - all of its names
from jtorch.ao.nn.intrinsic import __all__ as __all__
