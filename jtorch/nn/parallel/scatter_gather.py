"""`torch.nn.parallel.scatter_gather`: move inputs to the devices and results back; here there is one device."""

from __future__ import annotations

__all__ = ["gather", "scatter"]


def check_one_device(devices, name):
    """Raise NotImplementedError unless there is one device."""
    if len(devices) != 1:
        raise NotImplementedError(f"nn.parallel.{name}: several devices")


def scatter(inputs, target_gpus, dim=0):
    """A list with the inputs once for each device. Raises NotImplementedError for more than one."""
    check_one_device(target_gpus, "scatter")
    return [inputs]


def gather(outputs, target_device, dim=0):
    """The results of all devices as one."""
    check_one_device(outputs, "gather")
    return outputs[0]
