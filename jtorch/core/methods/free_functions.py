"""Functions of torch that are methods of a Tensor, too: `torch.numel(x)`, `torch.abs_(x)`, `torch.detach(x)`.

Ops have both forms from `@op`. This file gives the free form to what is written as a method only.
"""

from __future__ import annotations

from jtorch.core.engine import NUMBER
from jtorch.core.op import OPS, promoted
from jtorch.core.tensor import Tensor

# Methods that are no ops. Of an op PyTorch has the function `name_` where it is declared with `inplace="function"`.
METHODS = """as_strided_ detach detach_ embedding_renorm_ fill_ get_device index_put_ is_conj is_inference is_neg is_same_size
    numel resize_as_ resolve_conj resolve_neg zero_""".split()


def result_type(tensor1, tensor2):
    """The dtype that arithmetic on two tensors or numbers gives.

    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    return promoted([x._type if isinstance(x, Tensor) else NUMBER[type(x)] for x in (tensor1, tensor2)])


def functions() -> dict:
    """name -> the free function of each method that torch has under that name, too."""
    names = [name for name in METHODS if hasattr(Tensor, name)]
    for made in OPS.values():
        if made.declared.inplace == "function":
            names += [name + "_" for name in (made.declared.name, *made.declared.aliases)]
    return {name: _free(name) for name in names}


def _free(name):
    method = getattr(Tensor, name)

    def free(input, *args, **kwargs):
        if not isinstance(input, Tensor):
            kind = type(input).__name__
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {kind}")
        return method(input, *args, **kwargs)

    free.__name__ = free.__qualname__ = name
    free.__doc__ = f"The function of :meth:`Tensor.{name}`."
    free.__module__ = "jtorch"
    return free
