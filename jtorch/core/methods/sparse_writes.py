"""Sparse tensors that are changed in place, and what functions of dense tensors do with one: `dense.add_(sparse)`,
`dense - sparse`, `zeros_like(sparse)`.

Such a function fails first, as it knows dense tensors only, and then asks the class of the sparse tensor: dense tensors pay
nothing.
"""

from __future__ import annotations

from jtorch.core.methods.sparse import SparseTensor, add_sparse, is_sparse, make_sparse
from jtorch.core.tensor import PLAIN, DisableTorchFunctionSubclass


def _becomes(tensor, new):
    """The same object with the indices and values of another."""
    if new._size != tensor._size or new.dtype != tensor.dtype:
        raise RuntimeError("result type or shape does not fit into the sparse tensor that is written")
    tensor._ind, tensor._val, tensor._sorted = new._ind, new._val, new._sorted
    return tensor


def _no_elements(x, **options):
    """A sparse tensor of this size without elements."""
    if not is_sparse(x) or options:
        raise NotImplementedError("this operation on a sparse tensor: turn it into a dense one with to_dense()")
    values = x._val.new_empty((0, *x._val.shape[1:]))
    return make_sparse(x._ind.new_empty((x._ind.shape[0], 0)), values, x._size, True)


def _dense_with_sparse(name):
    """A method of a dense tensor whose other operand is sparse. The result is dense."""

    def method(self, other, **options):
        if is_sparse(self):
            raise RuntimeError(f"{name}(sparse, dense) is not supported. Use {name}(dense, sparse) instead.")
        return getattr(self, name)(other.to_dense(), **options)

    return method


def _less_sparse(a, b, *, alpha=1):
    return add_sparse(a, b, -alpha) if is_sparse(a) else a.sub(b.to_dense(), alpha=alpha)


# name -> what the function does with a sparse tensor, where the function of dense ones cannot
_BESIDE_DENSE = {name: _dense_with_sparse(name) for name in ("add", "add_", "sub_", "mul_")} | {
    "sub": _less_sparse,
    "__sub__": _less_sparse,
    "zeros_like": _no_elements,
    "empty_like": _no_elements,
}


def _beside_dense(cls, func, types, args=(), kwargs=None):
    """The `__torch_function__` of sparse tensors."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        return _BESIDE_DENSE.get(func.__name__, func)(*args, **(kwargs or {}))


_IN_PLACE = {
    "add": lambda self, other, *, alpha=1: _becomes(self, add_sparse(self, other, alpha)),
    "sub": lambda self, other, *, alpha=1: _becomes(self, add_sparse(self, other, -alpha)),
    "mul": lambda self, other: _becomes(self, self * other),
    "truediv": lambda self, other: _becomes(self, self / other),
}
for _name, _method in _IN_PLACE.items():
    setattr(SparseTensor, f"__i{_name}__", _method)
    setattr(SparseTensor, f"{_name.removeprefix('true')}_", _method)
SparseTensor.zero_ = lambda self: _becomes(self, _no_elements(self))
SparseTensor.__torch_function__ = classmethod(_beside_dense)
PLAIN.discard(SparseTensor)
