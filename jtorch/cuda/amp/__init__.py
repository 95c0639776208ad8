"""`torch.cuda.amp`: the older names of `torch.amp`, for GPUs."""

from jtorch.cuda.amp import autocast_mode, common, grad_scaler
from jtorch.cuda.amp.autocast_mode import autocast, custom_bwd, custom_fwd
from jtorch.cuda.amp.common import amp_definitely_not_available
from jtorch.cuda.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]
