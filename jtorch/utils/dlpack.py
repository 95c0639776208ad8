"""torch.utils.dlpack: memory shared with other libraries."""

from jtorch.core.methods import DLDeviceType, from_dlpack, to_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
