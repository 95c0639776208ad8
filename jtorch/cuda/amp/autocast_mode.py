"""`torch.cuda.amp.autocast` and its decorators, deprecated as in PyTorch."""

from jtorch import amp
from jtorch.amp.deprecated import warn_deprecated
from jtorch.core.facts import dtypes


class autocast(amp.autocast):
    """`torch.autocast("cuda", ...)`."""

    def __init__(self, enabled=True, dtype=dtypes.float16, cache_enabled=True):
        warn_deprecated("cuda.amp", "autocast", "autocast('cuda', args...)")
        super().__init__("cuda", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


def custom_fwd(fwd=None, *, cast_inputs=None):
    """`torch.amp.custom_fwd(..., device_type="cuda")`."""
    warn_deprecated("cuda.amp", "custom_fwd", "custom_fwd(args..., device_type='cuda')")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd):
    """`torch.amp.custom_bwd(..., device_type="cuda")`."""
    warn_deprecated("cuda.amp", "custom_bwd", "custom_bwd(args..., device_type='cuda')")
    return amp.custom_bwd(bwd, device_type="cuda")
