"""`torch.distributed.tensor`: tensors that are cut over several processes, or copied to them.

`_layout` computes which process has which part, `_redistribute` changes placements, `_api` has the class `DTensor`, `_dispatch`
and `_ops` what ops do with it.
"""

from __future__ import annotations

from jtorch.distributed.device_mesh import DeviceMesh, init_device_mesh
from jtorch.distributed.tensor import _dispatch
from jtorch.distributed.tensor._api import DTensor, distribute_tensor
from jtorch.distributed.tensor._makers import distribute_module, empty, full, ones, rand, randn, zeros
from jtorch.distributed.tensor.placement_types import Partial, Placement, Replicate, Shard

__all__ = ["DTensor", "DeviceMesh", "Partial", "Placement", "Replicate", "Shard", "distribute_module", "distribute_tensor",
           "empty", "full", "init_device_mesh", "ones", "rand", "randn", "zeros"]  # fmt: skip
