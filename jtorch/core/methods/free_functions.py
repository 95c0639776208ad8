"""Functions of torch that are methods of a Tensor under another roof: `torch.numel(x)`, `torch.abs_(x)`, `torch.detach(x)`.

Ops have both forms from `@op`; what is listed here is written as a method, and this file gives it the free form.
"""

from __future__ import annotations

from jtorch.core.engine import NUMBER
from jtorch.core.op import promoted
from jtorch.core.tensor import Tensor

_NAMES = """detach detach_ fill_ get_device index_put_ is_conj is_inference is_neg is_same_size numel resize_as_
    resolve_conj resolve_neg zero_ as_strided_ embedding_renorm_""".split()
_IN_PLACE = """abs acos acosh addmv arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh ceil clamp clamp_max
    clamp_min clip conj_physical cos cosh deg2rad erf erfc exp exp2 expm1 fix floor frac gcd i0 lcm ldexp log log10 log1p
    log2 logit nan_to_num neg negative rad2deg reciprocal round rsqrt sigmoid sin sinc sinh sqrt square tan tanh trunc
    xlogy""".split()


def result_type(tensor1, tensor2):
    """The dtype that arithmetic on two tensors or numbers gives.

    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    return promoted([x._type if isinstance(x, Tensor) else NUMBER[type(x)] for x in (tensor1, tensor2)])


def functions() -> dict:
    """name -> the free function of each method that torch has under that name, too."""
    names = [*_NAMES, *[name + "_" for name in _IN_PLACE]]
    return {name: _free(name) for name in names if hasattr(Tensor, name)}


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
