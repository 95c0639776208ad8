"""`torch.storage`: the memory behind tensors as objects."""

from jtorch.core.methods.typed_storage import TypedStorage, UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]
