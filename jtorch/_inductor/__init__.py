"""`torch._inductor`: the part of PyTorch's compiler that writes kernels. XLA does this here."""

from jtorch._inductor import config
from jtorch.core.methods import cudagraph_mark_step_begin

__all__ = ["config", "cudagraph_mark_step_begin", "list_mode_options", "list_options"]


def list_mode_options(mode=None, dynamic=None) -> dict:
    """No mode has options."""
    return {}


def list_options() -> list[str]:
    """No options."""
    return []
