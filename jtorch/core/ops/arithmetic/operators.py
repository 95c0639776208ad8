"""The operators of Tensor: the op that each dunder method calls, with its reflected and in-place forms.

For an operand that is not a tensor, number or array they return NotImplemented, so that Python asks the other operand.
"""

from __future__ import annotations

import jax
import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.op import operator
from jtorch.core.ops.arithmetic import elementwise, logic
from jtorch.core.ops.matrix import products
from jtorch.core.tensor import Tensor, from_numpy

_OPERANDS = (Tensor, int, float, complex, np.generic)


def _operand(other):
    """What an op accepts for this operand, or NotImplemented."""
    if isinstance(other, _OPERANDS):
        return other
    if isinstance(other, np.ndarray):
        return from_numpy(np.asarray(other))
    if isinstance(other, jax.Array) and not isinstance(other, jax.core.Tracer):
        return from_numpy(other)
    return other if hasattr(type(other), "__torch_function__") else NotImplemented


def _forward(fn):
    return operator(fn, _operand) if hasattr(fn, "op") else _function(fn)


def _function(fn):
    """The operator for a function that chooses among ops."""

    def operator(self, other):
        other = _operand(other)
        return other if other is NotImplemented else fn(self, other)

    return operator


def _reflected_operator(fn):
    def operator(self, other):
        other = _operand(other)
        return other if other is NotImplemented else fn(other, self)

    return operator


def _tensor_operand(other):
    """The operand of a matrix product: a tensor, or NotImplemented for anything else."""
    return other if isinstance(other, Tensor) or hasattr(type(other), "__torch_function__") else NotImplemented


def _multiplied_from_right(self, other):
    return products.matmul(other, self) if isinstance(other, Tensor) else NotImplemented


def _invert(self):
    if self.dtype.category > dtypes.INT:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return logic.bitwise_not(self)


def _inplace(name):
    method = getattr(Tensor, name + "_")

    def operator(self, other):
        other = _operand(other)
        return other if other is NotImplemented else method(self, other)

    return operator


def _divided(number, tensor):
    """number / tensor, as PyTorch computes it: the reciprocal, then the product."""
    return elementwise.mul(elementwise.reciprocal(tensor), number)


def _subtracted(number, tensor):
    return elementwise.rsub(tensor, number)


# name: (op, op of the reflected form, whether there is an in-place form). Reflected True: the same op with the tensor first,
# as in PyTorch; None: no reflected form.
BINARY = {
    "add": (elementwise.add, True, True),
    "sub": (elementwise.sub, _subtracted, True),
    "mul": (elementwise.mul, True, True),
    "truediv": (elementwise.div, _divided, True),
    "floordiv": (elementwise.floor_divide, elementwise.floor_divide, True),
    "mod": (elementwise.remainder, elementwise.remainder, True),
    "pow": (elementwise.pow, elementwise.pow, True),
    "and": (logic.bitwise_and, True, True),
    "or": (logic.bitwise_or, True, True),
    "xor": (logic.bitwise_xor, True, True),
    "lshift": (logic.bitwise_left_shift, logic.bitwise_left_shift, True),
    "rshift": (logic.bitwise_right_shift, logic.bitwise_right_shift, True),
    "eq": (logic.eq, None, False),
    "ne": (logic.ne, None, False),
    "lt": (logic.lt, None, False),
    "le": (logic.le, None, False),
    "gt": (logic.gt, None, False),
    "ge": (logic.ge, None, False),
}
UNARY = {"neg": elementwise.neg, "pos": elementwise.positive, "abs": elementwise.abs, "invert": _invert}

for _name, (_fn, _other, _written) in BINARY.items():
    setattr(Tensor, f"__{_name}__", _forward(_fn))
    if _other:
        setattr(Tensor, f"__r{_name}__", _forward(_fn) if _other is True else _reflected_operator(_other))
    if _written:
        setattr(Tensor, f"__i{_name}__", _inplace(_fn.__name__))
Tensor.__matmul__ = operator(products.matmul, _tensor_operand)
Tensor.__rmatmul__ = _multiplied_from_right
for _name, _fn in UNARY.items():
    setattr(Tensor, f"__{_name}__", _fn)
