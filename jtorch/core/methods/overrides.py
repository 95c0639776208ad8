"""`torch.overrides`: for functions and classes of the user's own that take part in `__torch_function__`."""

from __future__ import annotations

from jtorch.core.op import public_in
from jtorch.core.tensor import Tensor, hand_over, wanted


@public_in("jtorch.overrides")
def has_torch_function(relevant_args) -> bool:
    """Whether a mode is on, or one of the arguments overrides functions."""
    return wanted(relevant_args)


@public_in("jtorch.overrides")
def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """The result of `public_api(*args, **kwargs)` from the argument that overrides it."""
    return hand_over(public_api, relevant_args, args, kwargs)


@public_in("jtorch.overrides")
def is_tensor_like(inp) -> bool:
    """Whether it is a Tensor or overrides functions."""
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")
