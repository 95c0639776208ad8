"""`torch.cpu.synchronize`; see `torch.cuda` for accelerators."""

from __future__ import annotations

from jtorch.core import engine
from jtorch.core.op import public_in


@public_in("jtorch.cpu")
def synchronize(device=None) -> None:
    """Run what was recorded."""
    engine.flush()
