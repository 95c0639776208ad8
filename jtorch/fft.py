"""`torch.fft`: Fourier transforms."""

from jtorch.core.ops.signal.fft import *  # noqa: F403
