"""`torch.nn.parallel.distributed`: a module that every process has a copy of; here there is one process."""

from __future__ import annotations

from jtorch.nn.modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A module that every process has a copy of; with one process, the module itself.

    Args:
        module: the wrapped module, registered as `module`, so its names in a state_dict begin with "module.".
        device_ids, output_device, ...: accepted, and have no effect with one process.
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
        return _WithoutSync(self)

    def register_comm_hook(self, state, hook):
        """Accepted: with one process no gradient is exchanged."""


class _WithoutSync:
    def __init__(self, parallel):
        self.parallel = parallel

    def __enter__(self):
        self.before = self.parallel.require_backward_grad_sync
        self.parallel.require_backward_grad_sync = False

    def __exit__(self, *error):
        self.parallel.require_backward_grad_sync = self.before
