"""`torch.amp`: mixed precision. `autocast` runs each op in the dtype that suits it; `GradScaler` keeps float16 gradients
from underflowing."""

from jtorch.amp import autocast_mode, grad_scaler
from jtorch.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from jtorch.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
