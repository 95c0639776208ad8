"""`torch.testing`: whether two results are close."""

from jtorch.core.methods import assert_close

__all__ = ["assert_close"]
