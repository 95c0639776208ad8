"""`torch.__config__`: what jtorch runs on, as text."""

from __future__ import annotations

import jax
import jaxlib

from jtorch.core.methods import get_num_interop_threads, get_num_threads

__all__ = ["parallel_info", "show"]


def built_with() -> str:
    """The versions of JAX, and the devices; PyTorch tells of its compilers and libraries.

    >>> print(torch.__config__.show().splitlines()[0])
    PyTorch built with:
    """
    devices = ", ".join(sorted({device.platform for device in jax.devices()}))
    return f"PyTorch built with:\n  - jax {jax.__version__}\n  - jaxlib {jaxlib.__version__}\n  - XLA for {devices}\n"


def parallel_info() -> str:
    """The numbers of threads that were asked for; XLA uses as many as it decides."""
    return (
        "ATen/Parallel:\n"
        f"\tat::get_num_threads() : {get_num_threads()}\n"
        f"\tat::get_num_interop_threads() : {get_num_interop_threads()}\n"
    )


show = built_with
