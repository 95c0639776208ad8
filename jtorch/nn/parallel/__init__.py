"""`torch.nn.parallel`: modules spread over devices, here over one.

XLA programs are spread by JAX's own sharding, so these keep PyTorch's surface for one device and one process: the
wrapped module is called as it is.
"""

from __future__ import annotations

from jtorch.nn.modules.module import Module

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]


class DataParallel(Module):
    """A module whose batches are split over devices; with one device, the module itself.

    Args:
        module: what is called; it stands under the name `module`, and so do its parameters in a state_dict.
        device_ids: which devices; the first is used.

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


class DistributedDataParallel(Module):
    """A module that every process has a copy of; with one process, the module itself.

    Args:
        module: what is called; it stands under the name `module`, and so do its parameters in a state_dict.
        device_ids, output_device, ...: accepted, and of no effect with one process.
    """

    def __init__(
        self,
        module,
        device_ids=None,
        output_device=None,
        dim=0,
        broadcast_buffers=True,
        init_sync=True,
        process_group=None,
        bucket_cap_mb=None,
        find_unused_parameters=False,
        check_reduction=False,
        gradient_as_bucket_view=False,
        static_graph=False,
        **kwargs,
    ):
        super().__init__()
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient."
            )
        self.module = module
        self.device_ids = device_ids
        self.output_device = output_device
        self.dim = dim
        self.process_group = process_group
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.require_backward_grad_sync = True

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    def no_sync(self):
        """A context in which gradients are not exchanged."""
        return _Unsynced(self)

    def register_comm_hook(self, state, hook):
        """Accepted: with one process no gradient is exchanged."""


class _Unsynced:
    def __init__(self, parallel):
        self.parallel = parallel

    def __enter__(self):
        self.before = self.parallel.require_backward_grad_sync
        self.parallel.require_backward_grad_sync = False

    def __exit__(self, *error):
        self.parallel.require_backward_grad_sync = self.before


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Call the module, on one device."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


def _one(devices, name):
    if len(devices) != 1:
        raise NotImplementedError(f"nn.parallel.{name}: several devices")


def replicate(network, devices, detach=False):
    """The module once for each device, of which there may be one."""
    _one(devices, "replicate")
    return [network]


def scatter(inputs, target_gpus, dim=0):
    """The inputs once for each device, of which there may be one."""
    _one(target_gpus, "scatter")
    return [inputs]


def gather(outputs, target_device, dim=0):
    """The results of all devices as one."""
    _one(outputs, "gather")
    return outputs[0]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """Call each module with its inputs."""
    kwargs = kwargs_tup or [{}] * len(modules)
    called = []
    for module, given, named in zip(modules, inputs, kwargs, strict=True):
        called.append(module(*(given if isinstance(given, list | tuple) else (given,)), **named))
    return called
