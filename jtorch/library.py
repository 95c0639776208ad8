"""`torch.library`: the place where new ops are defined. Here an op is one pure function on jax arrays; see `op`."""

from jtorch.core.op import Array, Number, op

__all__ = ["Array", "Number", "op"]
