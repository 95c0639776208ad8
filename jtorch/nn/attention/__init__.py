"""`torch.nn.attention`: the choice of the kernel that computes attention. It has no effect: XLA chooses."""

from __future__ import annotations

import contextlib
import enum


class SDPBackend(enum.IntEnum):
    """The kernels that PyTorch has for attention.

    >>> with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
    ...     x = torch.ones(1, 2, 4)
    ...     torch.nn.functional.scaled_dot_product_attention(x, x, x).shape
    torch.Size([1, 2, 4])
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_kernel_choices = [[*SDPBackend][1:]]


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """A context that chooses kernels for attention.

    Args:
        backends: one `SDPBackend`, or a list.
    """
    if not isinstance(backends, list | SDPBackend):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    _kernel_choices.append([backends] if isinstance(backends, SDPBackend) else list(backends))
    try:
        yield {}
    finally:
        _kernel_choices.pop()


def _cur_sdpa_kernel_backends(with_priority=False):
    return list(_kernel_choices[-1])


__all__ = ["SDPBackend", "sdpa_kernel"]
