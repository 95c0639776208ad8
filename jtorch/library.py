"""`torch.library`: the place where new ops are defined.

An op of jtorch's own kind is one pure function on jax arrays; see `op`. `custom_op` takes a function of tensors, as PyTorch's.
"""

from jtorch._library.custom_ops import custom_op, register_autograd, register_fake, register_kernel, register_vmap
from jtorch._library.op_checks import opcheck
from jtorch.core.op import Array, Number, op

impl_abstract = register_fake

__all__ = [
    "Array",
    "Number",
    "custom_op",
    "impl_abstract",
    "op",
    "opcheck",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_vmap",
]
