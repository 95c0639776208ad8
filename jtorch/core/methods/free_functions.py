"""Functions of torch that are methods of a Tensor, too: `torch.numel(x)`, `torch.abs_(x)`, `torch.detach(x)`.

`@op` and `@public` give both forms; what is written only as a method gets its function here.
"""

from __future__ import annotations

from jtorch.core.engine import NUMBER
from jtorch.core.op import overridable_on_failure, promoted
from jtorch.core.tensor import Tensor, hand_over, wanted


@overridable_on_failure
def result_type(tensor1, tensor2):
    """The dtype that arithmetic on two tensors or numbers gives.

    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    return promoted([x._type if isinstance(x, Tensor) else NUMBER[type(x)] for x in (tensor1, tensor2)])


def free_function(name):
    """The function of torch that calls the method of this name, or None where Tensor has no such method."""
    method = getattr(Tensor, name, None)
    if not callable(method):
        return None

    def free(input, *args, **kwargs):
        if not isinstance(input, Tensor):
            if wanted((input, *args)):
                return hand_over(free, (input, *args), (input, *args), kwargs or None)
            kind = type(input).__name__
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {kind}")
        return method(input, *args, **kwargs)

    free.__name__ = free.__qualname__ = name
    free.__doc__ = f"The function of :meth:`Tensor.{name}`."
    free.__module__ = "jtorch"
    return free
