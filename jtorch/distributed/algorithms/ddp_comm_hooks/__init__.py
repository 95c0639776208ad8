"""`torch.distributed.algorithms.ddp_comm_hooks`: hooks for `DistributedDataParallel.register_comm_hook`."""

from jtorch.distributed.algorithms.ddp_comm_hooks import default_hooks
