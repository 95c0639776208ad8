"""`torch.storage`: the memory behind tensors as objects."""

from jtorch.core.methods import TypedStorage, UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]
