"""`torch.distributed.tensor`: tensors spread over processes. They are not built: the names are there for `isinstance`.

`jax.sharding` spreads an array over devices.
"""

from __future__ import annotations

from jtorch.core.tensor import Tensor
from jtorch.distributed.device_mesh import DeviceMesh, init_device_mesh
from jtorch.distributed.tensor.placement_types import Partial, Placement, Replicate, Shard

__all__ = ["DTensor", "DeviceMesh", "Partial", "Placement", "Replicate", "Shard", "distribute_module", "distribute_tensor",
           "init_device_mesh"]  # fmt: skip

_NOT_BUILT = "torch.distributed.tensor: jtorch does not spread a tensor over processes; jax.sharding spreads an array over devices"


class DTensor(Tensor):
    """A tensor spread over processes. There are none."""

    @staticmethod
    def from_local(local_tensor, device_mesh=None, placements=None, **options):
        """Raises NotImplementedError."""
        raise NotImplementedError(_NOT_BUILT)


def distribute_tensor(tensor, device_mesh=None, placements=None, **options):
    """Raises NotImplementedError."""
    raise NotImplementedError(_NOT_BUILT)


def distribute_module(module, device_mesh=None, partition_fn=None, input_fn=None, output_fn=None):
    """Raises NotImplementedError."""
    raise NotImplementedError(_NOT_BUILT)
