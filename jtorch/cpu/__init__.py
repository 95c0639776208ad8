"""`torch.cpu`: the functions of `torch.cuda` that exist for the CPU, too."""

from jtorch.core.methods import synchronize_cpu as synchronize
from jtorch.cpu import amp

__all__ = ["amp", "current_device", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """True."""
    return True


def device_count() -> int:
    """Always 1."""
    return 1


def current_device() -> str:
    """Always "cpu"."""
    return "cpu"
