"""`torch.utils.serialization`: switches of `torch.save` and `torch.load`."""

from jtorch.utils.serialization import config

__all__ = ["config"]
