"""`torch.distributed._tensor`: the old name of `torch.distributed.tensor`."""

from jtorch.distributed._tensor import device_mesh
from jtorch.distributed.device_mesh import DeviceMesh, init_device_mesh
from jtorch.distributed.tensor import *

__all__ = ["DeviceMesh", "device_mesh", "init_device_mesh"]
