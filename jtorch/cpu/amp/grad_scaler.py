"""`torch.cpu.amp.GradScaler`, deprecated as in PyTorch."""

from jtorch import amp
from jtorch.amp.deprecated import warn_deprecated


class GradScaler(amp.GradScaler):
    """`torch.amp.GradScaler("cpu", ...)`."""

    def __init__(self, init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000, enabled=True):
        warn_deprecated("cpu.amp", "GradScaler", "GradScaler('cpu', args...)")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
