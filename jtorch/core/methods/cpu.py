"""What `torch.cpu` has where `torch.cuda` has more."""

from __future__ import annotations

from jtorch.core import engine
from jtorch.core.op import public_in


@public_in("jtorch.cpu")
def synchronize(device=None) -> None:
    """Run what was recorded."""
    engine.flush()
