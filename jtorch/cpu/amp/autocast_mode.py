"""`torch.cpu.amp.autocast`, deprecated as in PyTorch."""

from jtorch import amp
from jtorch.amp.deprecated import warn_deprecated
from jtorch.core.facts import dtypes


class autocast(amp.autocast):
    """`torch.autocast("cpu", ...)`."""

    def __init__(self, enabled=True, dtype=dtypes.bfloat16, cache_enabled=True):
        warn_deprecated("cpu.amp", "autocast", "autocast('cpu', args...)")
        super().__init__("cpu", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)
