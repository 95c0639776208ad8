"""`torch.nn.parallel.data_parallel`: a module whose batches are split over the accelerators of one process."""

from __future__ import annotations

from itertools import chain

from jtorch.core.facts import device, devices
from jtorch.core.grad import grad_enabled
from jtorch.nn.modules.module import Module
from jtorch.nn.parallel.parallel_apply import parallel_apply
from jtorch.nn.parallel.replicate import replicate
from jtorch.nn.parallel.scatter_gather import accelerator_at, accelerator_index, gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


def _check_devices(module, source):
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.device != source:
            raise RuntimeError(
                f"module must have its parameters and buffers on device {source} (device_ids[0]) but found one of them on device: "
                f"{tensor.device}"
            )


class DataParallel(Module):
    """A module whose batches are split over several accelerators of this process.

    In each call the module is copied to the devices, each copy computes a part of the batch, and the results are joined on one
    device. The gradients of the copies are summed into the module's parameters. The copy on the first device has
    the module's own buffers, so batch norm's running statistics are those of the first part.

    Args:
        module: the wrapped module, registered as `module`, so its names in a state_dict begin with "module.".
        device_ids: the devices; None for all accelerators. Without an accelerator, the module is called as it is.
        output_device: where results go; None for the first of `device_ids`.
        dim: the dimension along which tensors are split and joined.

    Raises:
        RuntimeError: in a call, a parameter or buffer is not on the first device.

    Differs from torch: the devices' copies are called one after the other by one thread, as `parallel_apply` says. Each
    device's part of a step is a program of its own, so the backward pass computes a layer's forward pass again where
    it needs it.

    >>> model = torch.nn.DataParallel(torch.nn.Linear(2, 1))
    >>> list(model.state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        kind = devices.accelerator()
        if kind is None:
            self.device_ids = []
            return
        found = range(len(kind.devices())) if device_ids is None else device_ids
        self.dim = dim
        self.device_ids = [accelerator_index(d) for d in found]
        self.output_device = accelerator_index(self.device_ids[0] if output_device is None else output_device)
        self.src_device_obj = device(kind.name, self.device_ids[0])
        if len(self.device_ids) == 1:
            self.module.to(self.src_device_obj)

    def forward(self, *inputs, **kwargs):
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        _check_devices(self.module, self.src_device_obj)
        cut, named = self.scatter(inputs, kwargs, self.device_ids)
        if not cut and not named:
            cut, named = ((),), ({},)
        if len(self.device_ids) == 1:
            return self.module(*cut[0], **named[0])
        copies = self.replicate(self.module, self.device_ids[: len(cut)])
        return self.gather(self.parallel_apply(copies, cut, named), self.output_device)

    def replicate(self, module, device_ids):
        """`nn.parallel.replicate`, without gradients inside `no_grad`."""
        return replicate(module, device_ids, not grad_enabled())

    def scatter(self, inputs, kwargs, device_ids):
        """`nn.parallel.scatter` of positional and keyword arguments."""
        return scatter_kwargs(inputs, kwargs, device_ids, self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        """`nn.parallel.parallel_apply` on the first devices."""
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs, output_device):
        """`nn.parallel.gather` along `dim`."""
        return gather(outputs, output_device, self.dim)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Call a module once, with its batch split over several accelerators: `DataParallel` as a function.

    Args:
        module: its parameters and buffers are on the first device.
        inputs: its argument, or a tuple of them.
        device_ids, output_device, dim: as in `DataParallel`.
        module_kwargs: keyword arguments.

    Raises:
        RuntimeError: there is no accelerator, or a parameter or buffer is not on the first device.
    """
    if not isinstance(inputs, tuple):
        inputs = () if inputs is None else (inputs,)
    kind = devices.accelerator()
    if kind is None:
        raise RuntimeError("device type could not be determined")
    chosen = list(range(len(kind.devices()))) if device_ids is None else list(device_ids)
    source = accelerator_at(chosen[0])
    _check_devices(module, source)
    cut, named = scatter_kwargs(inputs, module_kwargs, chosen, dim)
    if not cut and not named:
        cut, named = ((),), ({},)
    if len(chosen) == 1:
        return module(*cut[0], **named[0])
    used = chosen[: len(cut)]
    outputs = parallel_apply(replicate(module, used), cut, named, used)
    return gather(outputs, chosen[0] if output_device is None else output_device, dim)
