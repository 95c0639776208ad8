"""`torch.signal`: the window functions."""

from jtorch.signal import windows
