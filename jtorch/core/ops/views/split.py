"""Functions that return several views: `unbind`, `split`, `chunk` and their relatives.

The parts of one call share one node of the gradient graph, with output numbers, and refuse in-place writes
where a gradient is wanted, as PyTorch's do. Reading a part reads only that part.
"""

from __future__ import annotations

from functools import lru_cache

from jax import lax

from jtorch.core import engine
from jtorch.core.engine import Call, local, number, type_of
from jtorch.core.grad import GradNode, edge_of
from jtorch.core.op import function
from jtorch.core.ops.views.slices import as_ints, select, slice_view
from jtorch.core.tensor import IN_INFERENCE, NO_GRAD, SEVERAL, Tensor, apply, wrap_dim

_SELECT = select.op
_SLICE = slice_view.op


class _AllParts(Call):
    """All parts at once, for the gradient: x -> a list of slices (or of entries, for unbind)."""

    __slots__ = ("dim", "layouts", "sizes", "title")

    def __init__(self, title, dim, sizes):
        super().__init__(None, None, title.lower(), saves=())
        self.title = title
        self.dim = dim
        self.sizes = sizes
        self.layouts = {}  # type of what is split -> the step to each part: see `jtorch.core.tensor.steps_to`

    def worked_out(self, type):
        """The steps to the parts of a tensor of this type."""
        steps, at = [], 0
        for n in [None] * type.shape[self.dim] if self.sizes is None else self.sizes:
            op, constants = (_SELECT, (self.dim,)) if n is None else (_SLICE, (self.dim, n, 1))
            call = op.call_for(*constants, structure=("tensor", "number"))
            steps.append((call, (at,), *call.layout(type, 0, [number(at)])))
            at += 1 if n is None else n
        return steps

    def grad_fn(self, types):
        return self.title + "Backward0"

    def bind(self, types):
        dim, sizes = self.dim, self.sizes
        if sizes is None:
            return lambda x: [lax.index_in_dim(x, i, dim, False) for i in range(x.shape[dim])]

        def parts(x):
            out, at = [], 0
            for n in sizes:
                out.append(lax.slice_in_dim(x, at, at + n, 1, dim))
                at += n
            return out

        return parts

    def _infer(self, types):
        t = types[0]
        shape, strides = list(t.shape), list(t.strides)
        if self.sizes is None:
            n = shape.pop(self.dim)
            del strides[self.dim]
            return False, (type_of(tuple(shape), t.dtype, t.place, tuple(strides)),) * n
        full = [(*shape[: self.dim], n, *shape[self.dim + 1 :]) for n in self.sizes]
        return False, tuple([type_of(s, t.dtype, t.place, tuple(strides)) for s in full])


_calls: dict = {}


def _parts_call(title, dim, sizes):
    key = (title, dim, sizes)
    call = _calls.get(key)
    if call is None:
        call = _calls[key] = _AllParts(title, dim, sizes)
    return call


def _several(x, title, dim, sizes):
    """The parts of x along a dimension, as views that share one node."""
    call = _parts_call(title, dim, sizes)
    t = x._type
    if t.place is engine.TRACED:
        return apply(call, (x,))
    steps = call.layouts.get(t)
    if steps is None:
        steps = call.layouts[t] = call.worked_out(t)
    if not local.grad:
        return tuple(x._make_parts(steps, IN_INFERENCE if local.inference else NO_GRAD))
    history = x._history() if t.differentiable else None
    made = x._make_parts(steps, SEVERAL)
    if history is not None:
        node = GradNode(call, (), (t,), tuple([step[2] for step in steps]), (history,))
        for nr, m in enumerate(made):
            m._edge = edge_of(node, nr)
    return tuple(made)


def _check_followed(x):
    """Raise autograd's error for this tensor, if there is one: PyTorch raises it before it checks the arguments."""
    if local.grad:
        x._history()


@function(method=True)
def unbind(input, dim=0):
    """The entries of a dimension, without that dimension: a tuple of views.

    >>> torch.tensor([[1, 2], [3, 4]]).unbind(1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    _check_followed(input)
    if not input.ndim:
        raise IndexError(f"Dimension specified as {wrap_dim(dim, 0)} but tensor has no dimensions")
    return _several(input, "Unbind", wrap_dim(dim, input.ndim), None)


@function(method=True)
def split(tensor, split_size_or_sections, dim=0):
    """Parts of one size, the last maybe smaller, or of the given sizes: a tuple of views.

    >>> torch.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if isinstance(split_size_or_sections, tuple | list):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    _check_followed(tensor)
    return _several(tensor, *_of_equal_size(tensor._type.shape, split_size_or_sections, dim))


@lru_cache(maxsize=4096, typed=True)
def _of_equal_size(shape, size, dim):
    """The arguments of `_several` for parts of this size."""
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, len(shape))
    n = shape[dim]
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0:
        if n:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        return "Split", dim, (0,)
    sizes = [size] * (n // size) + ([n % size] if n % size or not n else [])
    return "Split", dim, tuple(sizes)


@function(method=True)
def split_with_sizes(input, split_sizes, dim=0):
    """Parts of the given sizes, which add up to the dimension's: a tuple of views."""
    _check_followed(input)
    if not input.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, input.ndim)
    sizes = as_ints((split_sizes,), "split_with_sizes", "split_sizes")
    for n in sizes:
        if n < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(sizes)}"
            )
    if sum(sizes) != input.shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {input.shape[dim]} (input tensor's "
            "size at dimension"
            f" {dim}), but got split_sizes={list(sizes)}"
        )
    return _several(input, "SplitWithSizes", dim, sizes)


@function(method=True)
def chunk(input, chunks, dim=0):
    """At most `chunks` parts of one size, the last maybe smaller: a tuple of views.

    >>> torch.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if not isinstance(chunks, int):
        raise TypeError(f"chunk(): argument 'chunks' (position 1) must be int, not {type(chunks).__name__}")
    parts = _chunks(input._type.shape, chunks, dim)
    _check_followed(input)
    return _several(input, *parts)


@lru_cache(maxsize=4096, typed=True)
def _chunks(shape, chunks, dim):
    """The arguments of `_several` for so many parts."""
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = wrap_dim(dim, len(shape))
    size = -(-shape[dim] // chunks)
    return _of_equal_size(shape, size, dim) if size else ("SplitWithSizes", dim, (0,) * chunks)


@function(method=True)
def tensor_split(input, indices_or_sections, dim=0):
    """Parts that differ in size by one at most, or that end at the given indices: a tuple of views."""
    if not input.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = wrap_dim(dim, input.ndim)
    n = input.shape[dim]
    given = indices_or_sections
    if isinstance(given, Tensor):
        if given.dtype.name != "int64":
            raise RuntimeError(
                f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {given.dtype.scalar_name}"
            )
        given = given.tolist()
    if isinstance(given, int):
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        small, more = divmod(n, given)
        ends = [small * i + min(i, more) for i in range(1, given)]
    else:
        ends = as_ints((given,), "tensor_split", "indices")
    starts = [0, *ends]
    made = []
    for start, end in zip(starts, [*ends, n], strict=True):
        start, end, _ = slice(start, end).indices(n)
        made.append(slice_view(input, dim, start, max(0, end - start), 1))
    return tuple(made)


def _named_split(name, at_least):
    def made(input, indices_or_sections):
        if input.ndim < at_least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {at_least} dimension, but got a tensor with {input.ndim} dimensions!"
            )
        dim = 0 if name == "vsplit" or (name == "hsplit" and input.ndim == 1) else 1 if name == "hsplit" else 2
        n = indices_or_sections
        if isinstance(n, int) and (n <= 0 or input.shape[dim] % n):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension"
                f" {input.shape[dim]} is not divisible by the split_size {n}!"
            )
        if not isinstance(n, int | tuple | list):
            raise TypeError(f"{name}() takes a number of sections or indices, not {type(n).__name__}")
        return tensor_split(input, n, dim)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = f"The parts along dimension {at_least - 1}: see :func:`tensor_split`."
    return function(made, method=True)


hsplit, vsplit, dsplit = _named_split("hsplit", 1), _named_split("vsplit", 2), _named_split("dsplit", 3)


@function(method=True)
def unsafe_split(tensor, split_size, dim=0):
    """The parts that :func:`split` shows, of which autograd does not know that they share memory."""
    return _apart(tensor, split(tensor.detach(), split_size, dim), dim)


@function(method=True)
def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """The parts that :func:`split_with_sizes` shows, of which autograd does not know that they share memory."""
    return _apart(input, split_with_sizes(input.detach(), split_sizes, dim), dim)


@function(method=True)
def unsafe_chunk(input, chunks, dim=0):
    """The parts that :func:`chunk` shows, of which autograd does not know that they share memory."""
    return _apart(input, chunk(input.detach(), chunks, dim), dim)


def _apart(x, parts, dim):
    dim, t = wrap_dim(dim, x.ndim), x._type
    call = _parts_call("UnsafeSplit", dim, tuple([p.shape[dim] for p in parts]))
    if t.place is engine.TRACED or x._storage.value.__class__ is engine.Lifted:
        return apply(call, (x,))
    node = None
    if local.grad and t.differentiable and (history := x._history()) is not None:
        node = GradNode(call, (), (t,), tuple([p._type for p in parts]), (history,))
    for nr, part in enumerate(parts):
        part._base = None
        if node is not None:
            part._edge = edge_of(node, nr)
    return parts
