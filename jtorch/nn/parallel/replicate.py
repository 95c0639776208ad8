"""`torch.nn.parallel.replicate`: a module once for each device."""

from __future__ import annotations

from jtorch.nn.parallel.scatter_gather import accelerator_at

__all__ = ["replicate"]


def replicate(network, devices, detach=False):
    """A copy of a module for each device.

    The parameters of a copy are no Parameters but tensors whose gradients flow to those of `network`; on the device of `network`
    they are its own, and so are its buffers, so writes to them (batch norm's running statistics) stay. Other changes of a
    copy are lost.

    Args:
        network: the module; it is not changed.
        devices: an index, a device or its text for each copy.
        detach: no gradient flows back.

    Raises:
        RuntimeError: there is no such device.

    Differs from torch: on its own device a parameter is itself, a leaf.

    >>> torch.nn.parallel.replicate(torch.nn.Linear(2, 1), [])
    []
    """
    return [_copy_for_device(network, accelerator_at(d), detach) for d in devices]


def _copy_for_device(network, device, detach):
    moved = {}  # by the identity of a tensor, so that shared parameters stay shared

    def there(tensor, linked):
        if id(tensor) not in moved:
            moved[id(tensor)] = (tensor if linked else tensor.detach()).to(device)
        return moved[id(tensor)]

    modules = list(network.modules())
    copies = {module: module._replicate_for_data_parallel() for module in modules}
    for module, copy in copies.items():
        copy._former_parameters = {}
        for name, child in module._modules.items():
            copy._modules[name] = copies.get(child)
        for name, parameter in module._parameters.items():
            if parameter is None:
                copy._parameters[name] = None
            else:
                # into the dictionary, because __setattr__ would register it as a parameter
                copy.__dict__[name] = copy._former_parameters[name] = there(parameter, not detach)
        for name, buffer in module._buffers.items():
            copy._buffers[name] = None if buffer is None else there(buffer, buffer.requires_grad and not detach)
    return copies[network]
