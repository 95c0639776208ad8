"""torch.utils.dlpack: memory shared with other libraries."""

from jtorch.sharing import DLDeviceType, from_dlpack, to_dlpack
