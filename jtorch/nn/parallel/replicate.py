"""`torch.nn.parallel.replicate`: a module once for each device; here there is one."""

from __future__ import annotations

from jtorch.nn.parallel.scatter_gather import check_one_device

__all__ = ["replicate"]


def replicate(network, devices, detach=False):
    """A list with the module once for each device. Raises NotImplementedError for more than one."""
    check_one_device(devices, "replicate")
    return [network]
