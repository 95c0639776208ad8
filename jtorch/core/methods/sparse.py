"""Sparse tensors in coordinates (COO), and the functions of `torch.sparse`: what graphs and tutorials use of them.

A sparse tensor is a tensor of values and a tensor of their indices; the values have the history. A sparse tensor has no memory
that an op could read, so every op that is not defined here raises NotImplementedError, and so do other layouts (CSR, CSC, BSR).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from jtorch.core.facts import Size, dtypes, formats, place
from jtorch.core.op import OPS
from jtorch.core.ops.arithmetic import elementwise as arithmetic
from jtorch.core.ops.gather.joining import cat
from jtorch.core.ops.matrix import products as linalg
from jtorch.core.ops.matrix import sparse_products as kernels
from jtorch.core.ops.views.slices import as_ints
from jtorch.core.tensor import Tensor, known, printing, tensor, to_place, wrap_dim

_new = object.__new__


class SparseTensor(Tensor):
    """A tensor of which only some elements are stored, each with its indices."""

    is_sparse = True
    _is_view = lambda self: False
    layout = formats.sparse_coo
    _base = None

    def _absent(self):
        raise NotImplementedError("this operation on a sparse tensor: turn it into a dense one with to_dense()")

    _type = _view = _storage = _edge = _counter = property(_absent)
    _read = _absent

    @property
    def shape(self):
        return self._size

    dtype = property(lambda self: self._val.dtype)
    device = property(lambda self: self._val.device)
    ndim = property(lambda self: len(self._size))
    grad_fn = property(lambda self: self._val.grad_fn)
    is_leaf = property(lambda self: self._val.is_leaf)
    is_cuda = property(lambda self: self._val.is_cuda)
    is_cpu = property(lambda self: self._val.is_cpu)

    @property
    def requires_grad(self):
        return self._val.requires_grad

    @requires_grad.setter
    def requires_grad(self, on):
        self._val.requires_grad = on

    @property
    def grad(self):
        got = self._val._gradient()
        return None if got is None else make_sparse(self._ind, got, self._size, self._sorted)

    @grad.setter
    def grad(self, new):
        self._val.grad = None if new is None else new._val

    def requires_grad_(self, requires_grad=True):
        self._val.requires_grad_(requires_grad)
        return self

    def size(self, dim=None):
        return self._size if dim is None else self._size[wrap_dim(dim, self.ndim)]

    def dim(self):
        return len(self._size)

    def numel(self):
        return self._size.numel()

    def stride(self, dim=None):
        return (0,) * self.ndim if dim is None else 0

    def is_contiguous(self, memory_format=None):
        return False

    def is_coalesced(self):
        """Whether the indices are in order and none comes twice."""
        return self._sorted

    def sparse_dim(self):
        return self._ind.shape[0]

    def dense_dim(self):
        return self.ndim - self._ind.shape[0]

    def _nnz(self):
        return self._ind.shape[1]

    def _indices(self):
        return self._ind

    def _values(self):
        return self._val.detach()

    def indices(self):
        """The indices, one column for each value."""
        if not self._sorted:
            raise RuntimeError("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
        return self._ind

    def values(self):
        """The values, in the order of `indices()`."""
        if not self._sorted:
            raise RuntimeError("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
        return kernels.values_with_node(self._val, "ValuesBackward0") if self.requires_grad else self._val

    def coalesce(self):
        """The same tensor with its indices in order, and the values of equal indices added."""
        return self if self._sorted else self._coalesced("CoalesceBackward0")

    def _coalesced(self, node):
        unique, inverse = np.unique(self._at(), return_inverse=True)
        joined = kernels.coalesced_values(self._val, known(inverse.reshape(-1)), len(unique), node)
        indices = (
            np.stack(np.unravel_index(unique, self._size[: self.sparse_dim()]))
            if self.sparse_dim()
            else unique[None][:0]
        )
        return make_sparse(known(indices.astype(np.int64)), joined, self._size, True)

    def _at(self):
        """The indices of the sparse dimensions as one flat index for each value, a NumPy array."""
        sparse = self.sparse_dim()
        found = self._ind._to_numpy()
        return np.ravel_multi_index(tuple(found), self._size[:sparse]) if sparse else np.zeros(self._nnz(), np.int64)

    def to_dense(self, dtype=None, *, masked_grad=None):
        """The tensor with all its elements."""
        made = kernels.dense_from_values(
            self._val, known(self._at(), self._val._type.place), tuple(self._size), self.sparse_dim()
        )
        return made if dtype is None else made.to(dtype)

    def to_sparse(self, sparse_dim=None, **options):
        return self if sparse_dim in (None, self.sparse_dim()) else self.to_dense().to_sparse(sparse_dim)

    to_sparse_coo = to_sparse

    def _with(self, values, sorted=None):
        return make_sparse(self._ind, values, self._size, self._sorted if sorted is None else sorted)

    def to(self, *args, **kwargs):
        values = self._val.to(*args, **kwargs)
        return self if values is self._val else self._with(values)

    def t(self):
        return self.transpose(0, 1)

    def transpose(self, dim0, dim1):
        order = list(range(self.ndim))
        a, b = wrap_dim(dim0, self.ndim), wrap_dim(dim1, self.ndim)
        if max(a, b) >= self.sparse_dim():
            raise NotImplementedError("transpose of a dense dimension of a sparse tensor")
        order[a], order[b] = b, a
        indices = known(self._ind._to_numpy()[order[: self.sparse_dim()]])
        return make_sparse(indices, self._val, Size([self._size[d] for d in order]), self._nnz() < 2)

    def detach(self):
        return self._with(self._val.detach())

    def clone(self, *, memory_format=None):
        return self._with(self._val.clone())

    def unsqueeze(self, dim):
        dim = wrap_dim(dim, self.ndim + 1)
        if dim > self.sparse_dim():
            raise NotImplementedError("unsqueeze of a dense dimension of a sparse tensor")
        indices = np.insert(self._ind._to_numpy(), dim, 0, axis=0)
        return make_sparse(known(indices), self._val, Size([*self._size[:dim], 1, *self._size[dim:]]), self._sorted)

    def sum(self, dim=None, *, dtype=None):
        """The sum of all elements, or over dimensions (a sparse tensor)."""
        return sum(self, dim, dtype)

    def __getitem__(self, index):
        return _selected(self, index)

    def __len__(self):
        return self._size[0]

    def __neg__(self):
        return self.neg()

    def __add__(self, other):
        return add_sparse(self, other)

    def __radd__(self, other):
        return arithmetic.add(other, self.to_dense())

    def __sub__(self, other):
        return add_sparse(self, other, alpha=-1)

    def __mul__(self, other):
        return _multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self.coalesce()._with(self.coalesce()._val / other)

    def __matmul__(self, other):
        return _matmul_sparse(self, other)

    def __rmatmul__(self, other):
        return _matmul_sparse(other, self)

    add, mul, div, matmul, mm = __add__, __mul__, __truediv__, __matmul__, __matmul__

    def mv(self, vec):
        return _matmul_sparse(self, vec)

    def type(self, dtype=None):
        return self.to(dtype) if dtype is not None else f"torch.sparse.{self.dtype.scalar_name}Tensor"

    def numpy(self, *, force=False):
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def data_ptr(self):
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def __abs__(self):
        return self.abs()

    def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
        """The norm of all elements (a sparse tensor)."""
        if dim is not None or keepdim:
            raise NotImplementedError("norm of a sparse tensor over some dimensions: turn it into a dense one")
        return self.coalesce()._val.norm(p, dtype=dtype)

    def __bool__(self):
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")

    def __repr__(self, *, tensor_contents=None):
        return printing.sparse_text(
            [("indices", self._ind._to_numpy(), self._ind.dtype), ("values", self._val._to_numpy(), self._val.dtype)],
            self._size,
            self._nnz(),
            self.layout,
            self._val.grad_fn and self._val.grad_fn.name(),
            self.requires_grad,
        )

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)

    def __deepcopy__(self, memo):
        return self._with(self._val.detach().clone()).requires_grad_(self.requires_grad)

    def __reduce_ex__(self, protocol):
        return rebuild_sparse, (self._ind, self._val.detach(), tuple(self._size), self._sorted)


def _on_values(name):
    """A method that maps 0 to 0: it works on the values alone."""

    def method(self, *args, **kwargs):
        whole = self.coalesce()
        return whole._with(getattr(whole._val, name)(*args, **kwargs))

    method.__name__ = name
    method.__doc__ = getattr(Tensor, name).__doc__
    return method


_CONVERSIONS = "float double half bfloat16 int long bool cpu cuda".split()
for _name in [*_CONVERSIONS, *[name for name, made in OPS.items() if made.declared.keeps_zero]]:
    setattr(SparseTensor, _name, _on_values(_name))


def make_sparse(indices, values, size, sorted):
    made = _new(SparseTensor)
    made._ind, made._val, made._size, made._sorted = indices, values, Size(size), sorted
    return made


def rebuild_sparse(indices, values, size, sorted):
    """The sparse tensor that Python's pickle has stored."""
    return make_sparse(indices, values, size, sorted)


rebuild_sparse.__module__ = "jtorch._utils"  # the name in pickles


def is_sparse(x):
    """Whether `x` is a sparse tensor."""
    return isinstance(x, SparseTensor)


def sparse_coo_tensor(
    indices=None,
    values=None,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    is_coalesced=None,
):
    """A sparse tensor of values and their indices: `indices` has a row for each sparse dimension.

    >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3., 4.], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    if values is None and (indices is None or size is None):
        size = as_ints((indices if size is None else size,), "sparse_coo_tensor", "size")
        made = make_sparse(known(np.zeros((len(size), 0), np.int64)), _empty(dtype, device), size, False)
        made.requires_grad = requires_grad
        return made
    values = values if isinstance(values, Tensor) else tensor(values)
    values = values if dtype is None else values.to(dtype)
    values = values if device is None else to_place(values, place(device))
    indices = indices.detach() if isinstance(indices, Tensor) else tensor(indices)
    indices = indices.long() if indices.numel() else indices.reshape(len(indices), 0).long()
    if indices.shape[1] != values.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {indices.shape[1]}, nnz from values: {values.shape[0]}"
        )
    found = indices._to_numpy()
    if size is None:
        size = [*[int(row.max()) + 1 if row.size else 0 for row in found], *values.shape[1:]]
    for d, row in enumerate(found):
        if row.size and (row.min() < 0 or row.max() >= size[d]):
            word = (
                f"found negative index {row.min()} for dim {d}"
                if row.min() < 0
                else (f"size is inconsistent with indices: for dim {d}, size is {size[d]} but found index {row.max()}")
            )
            raise RuntimeError(word)
    if values.requires_grad:
        values = kernels.values_with_node(values, "SparseCooTensorWithDimsAndTensorsBackward0")
    elif requires_grad:
        values = values.detach().clone().requires_grad_()
    return make_sparse(indices, values, size, bool(is_coalesced))


def _empty(dtype, device):
    return known(np.zeros(0, (dtype or dtypes.get_default_dtype()).np), place(device))


def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The same tensor with only its nonzero elements stored. Reads the values."""
    if layout not in (None, formats.sparse_coo):
        raise NotImplementedError(f"to_sparse(layout={layout})")
    sparse = self.ndim if sparse_dim is None else sparse_dim
    if not 0 <= sparse <= self.ndim:
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{self.ndim}] range, but {sparse} is given"
        )
    found = self.detach()._to_numpy() != 0
    flat = found.reshape(math.prod(self.shape[:sparse]), -1).any(1)
    at = np.flatnonzero(flat)
    indices = np.stack(np.unravel_index(at, self.shape[:sparse])) if sparse else np.zeros((0, len(at)), np.int64)
    node = f"ToSparseBackward{int(sparse_dim is None)}"
    return make_sparse(
        known(indices.astype(np.int64)),
        kernels.values_at(self, known(at, self._type.place), sparse, node),
        self.shape,
        True,
    )


def _to_dense(self, dtype=None, *, masked_grad=None):
    """Itself: it has all its elements."""
    return self if dtype is None else self.to(dtype)


def _sparse_mask(self, mask):
    """The elements at the indices of a sparse tensor."""
    whole = mask.coalesce()
    return whole._with(kernels.values_at(self, known(whole._at()), whole.sparse_dim(), "SparseMaskBackward0"))


def _only_sparse(name, kind):
    def refuse(self, *args):
        raise RuntimeError(f"{name} expected {kind} layout but got Strided")

    refuse.__name__ = name
    refuse.__doc__ = f"`{name}` of a sparse tensor; a dense one has none."
    return refuse


def _unsupported_layout(name):
    def refuse(*args, **kwargs):
        raise NotImplementedError(f"{name}: sparse tensors are kept in coordinates (COO) here")

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


Tensor.to_sparse = to_sparse
Tensor.to_sparse_coo = lambda self: to_sparse(self)
Tensor.to_dense = _to_dense
Tensor.sparse_mask = _sparse_mask
for _name in ("indices", "coalesce", "is_coalesced"):
    if not hasattr(Tensor, _name):
        setattr(Tensor, _name, _only_sparse(_name, "sparse coordinate tensor"))
Tensor.values = _only_sparse("values", "sparse tensor")
for _name in "csr csc bsr bsc".split():
    setattr(Tensor, f"to_sparse_{_name}", _unsupported_layout(f"to_sparse_{_name}"))
sparse_csr_tensor = _unsupported_layout("sparse_csr_tensor")
sparse_csc_tensor = _unsupported_layout("sparse_csc_tensor")
sparse_bsr_tensor = _unsupported_layout("sparse_bsr_tensor")
sparse_bsc_tensor = _unsupported_layout("sparse_bsc_tensor")
sparse_compressed_tensor = _unsupported_layout("sparse_compressed_tensor")


# ---- arithmetic


def add_sparse(a, b, alpha=1):
    """a + alpha * b of two sparse tensors."""
    if not is_sparse(a):
        return arithmetic.add(a, b.to_dense(), alpha=alpha)
    if not is_sparse(b):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if a._size != b._size:
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same sizes, but self has size {list(a._size)} while other has size"
            f" {list(b._size)} (FYI: dense-sparse addition does not currently support broadcasting)"
        )
    both = cat([a._val, b._val if alpha == 1 else b._val * alpha])
    made = make_sparse(known(np.concatenate([a._ind._to_numpy(), b._ind._to_numpy()], 1)), both, a._size, False)
    return made._coalesced("AddBackward0") if a._sorted and b._sorted else made


def _multiply(a, b):
    whole = a.coalesce()
    if is_sparse(b):
        other = b.coalesce()
        kept = np.isin(whole._at(), other._at())
        spot = known(np.flatnonzero(kept))
        theirs = known(np.searchsorted(other._at(), whole._at()[kept]))
        values = whole._val.index_select(0, spot) * other._val.index_select(0, theirs)
        return make_sparse(known(whole._ind._to_numpy()[:, kept]), values, whole._size, True)
    if isinstance(b, Tensor) and b.ndim:
        b = kernels.values_at(b.expand(whole._size), known(whole._at()), whole.sparse_dim(), "SparseMaskBackward0")
    return whole._with(whole._val * b)


def mm(sparse, dense):
    """The product of a sparse matrix with a matrix; of two sparse ones, a sparse one."""
    return _matrix_product(None, sparse, dense)


def spmm(mat1, mat2):
    """The product of two matrices, each of which may be sparse: `torch.mm` by its old name.

    >>> torch.spmm(torch.eye(2).to_sparse(), torch.tensor([[1.0], [2.0]]))
    tensor([[1.],
            [2.]])
    """
    return _matmul_sparse(mat1, mat2) if is_sparse(mat1) or is_sparse(mat2) else linalg.mm(mat1, mat2)


def addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * mat + alpha * (mat1 @ mat2) for a sparse mat1."""
    return _matrix_product(mat, mat1, mat2, beta, alpha)


def _matrix_product(input, a, b, beta=1, alpha=1, node="SparseAddmmBackward0"):
    if a.ndim != 2 or b.ndim != 2:
        raise RuntimeError("mm: sparse and dense matrices expected, got tensors of other dimensions")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )
    if not is_sparse(a):
        made = linalg.mm(a, b.to_dense())
        return made if input is None else input * beta + made * alpha
    if is_sparse(b):
        return linalg.mm(a.to_dense(), b.to_dense()).to_sparse()
    where, rows, cols = a._val._type.place, *a._ind._to_numpy()
    indices = known(rows, where), known(cols, where)
    return kernels.added_product(input, a._val, b, *indices, a.shape[0], node, beta, alpha)


def _matmul_sparse(a, b):
    """a @ b where one of them is a sparse matrix."""
    if is_sparse(a) and b.ndim == 1:
        return _matrix_product(None, a, b.unsqueeze(1), node="MvBackward0").squeeze(1)
    return _matrix_product(None, a, b, node="MmBackward0")


def sum(input, dim=None, dtype=None):
    """The sum of all elements, or over sparse dimensions (a sparse tensor, dense where none is left)."""
    values = input._val if dtype is None else input._val.to(dtype)
    if dim is None:
        return kernels.values_with_node(values, "ValuesBackward0").sum() if values.requires_grad else values.sum()
    dims = {wrap_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)}
    if max(dims) >= input.sparse_dim():
        raise NotImplementedError("torch.sparse.sum over a dense dimension")
    kept = [d for d in range(input.sparse_dim()) if d not in dims]
    if not kept:
        return values.sum(0)
    size = [n for d, n in enumerate(input._size) if d not in dims]
    return make_sparse(known(input._ind._to_numpy()[kept]), values, size, False)._coalesced("SparseSumBackward0")


def _rowwise(input, dim, dtype, log):
    whole = input.coalesce()
    dim = wrap_dim(dim, whole.ndim)
    rest = np.delete(whole._ind._to_numpy(), dim, 0)
    _, row = np.unique(rest, axis=1, return_inverse=True)
    row = row.reshape(-1)
    values = whole._val if dtype is None else whole._val.to(dtype)
    return whole._with(kernels.sparse_softmax(values, known(row), int(row.max(initial=-1)) + 1, log))


def softmax(input, dim, *, dtype=None):
    """The softmax along a dimension of what is stored; the rest counts as -inf."""
    return _rowwise(input, dim, dtype, False)


def log_softmax(input, dim, *, dtype=None):
    """The logarithm of `softmax`."""
    return _rowwise(input, dim, dtype, True)


def _selected(x, index):
    """Integers and full slices."""
    index = index if isinstance(index, tuple) else (index,)
    if not all(isinstance(i, int) or i == slice(None) for i in index) or len(index) > x.sparse_dim():
        raise NotImplementedError("indexing a sparse tensor with anything but integers and full slices")
    indices, kept = x._ind._to_numpy(), np.ones(x._nnz(), np.bool_)
    for d, i in enumerate(index):
        if isinstance(i, int):
            if not -x._size[d] <= i < x._size[d]:
                raise IndexError(
                    f"select(): index {i} out of range for tensor of size {list(x._size)} at dimension {d}"
                )
            kept &= indices[d] == i % x._size[d]
    values = x._val.index_select(0, known(np.flatnonzero(kept)))
    rest = [d for d in range(x.ndim) if d >= len(index) or not isinstance(index[d], int)]
    if not any(d < x.sparse_dim() for d in rest):
        return values.sum(0)
    shown = [d for d in rest if d < x.sparse_dim()]
    return make_sparse(known(indices[shown][:, kept]), values, [x._size[d] for d in rest], x._sorted)


def _either(name, function):
    """The function of torch, which takes sparse tensors, too."""
    dense = OPS[name]

    @functools.wraps(dense)
    def either(*args, **kwargs):
        if not any(map(is_sparse, args)):
            return dense(*args, **kwargs)
        return function(*args, **kwargs)

    return either


# name -> the function of torch that takes sparse tensors, too
EITHER = {
    name: _either(name, function)
    for name, function in {
        "mm": _matmul_sparse,
        "matmul": _matmul_sparse,
        "mv": _matmul_sparse,
        "addmm": addmm,
        "add": add_sparse,
    }.items()
}
