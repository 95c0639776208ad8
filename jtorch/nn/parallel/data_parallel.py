"""`torch.nn.parallel.data_parallel`: a module whose batches PyTorch splits over devices. jtorch runs it on one."""

from __future__ import annotations

from jtorch.nn.modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """A module as it is called on one device.

    Args:
        module: the wrapped module, registered as `module`, so its names in a state_dict begin with "module.".
        device_ids: the devices, of which the first is used.

    Differs from torch: with several devices, one is used.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        self.device_ids = [] if device_ids is None else list(device_ids)
        self.output_device = output_device
        self.dim = dim

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Call the module, on one device."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))
