"""`torch.vmap`: a function run on every entry of a dimension at once, at a level of `jtorch.core.tensor.levels`."""

from __future__ import annotations

from functools import wraps

from jtorch.core.engine import Lifted, local
from jtorch.core.facts import broadcast_prefix, flatten_tree, unflatten_tree
from jtorch.core.op import public_in
from jtorch.core.ops.gather.joining import cat
from jtorch.core.tensor import Batch, Tensor, running, wrap


@public_in("jtorch.func")
def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """A function that runs `func` on every entry of a dimension at once.

    Args:
        in_dims: the dimension of each argument (of each tensor in it) to run over; None: the same for all.
        out_dims: where the dimension goes in each result.
        randomness: what random functions do inside: "error", "same" for all entries, or "different".
        chunk_size: run at most so many entries at a time.

    >>> torch.func.vmap(torch.dot)(torch.ones(3, 2), torch.ones(3, 2))
    tensor([2., 2., 2.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @wraps(func, updated=())
    def wrapper(*args, **kwargs):
        leaves, shape, dims = _batch_dims(func, in_dims, args)
        size = _batch_size(func, in_dims, leaves, dims)
        if chunk_size is None or chunk_size >= size:
            return _run_batch(func, leaves, shape, dims, size, out_dims, randomness, kwargs)
        parts = [
            _run_batch(
                func,
                _chunk(leaves, dims, at, min(chunk_size, size - at)),
                shape,
                dims,
                min(chunk_size, size - at),
                out_dims,
                randomness,
                kwargs,
            )
            for at in range(0, size, chunk_size)
        ]
        return _joined(parts, out_dims)

    return wrapper


def _name(func):
    return getattr(func, "__name__", repr(func))


def _batch_dims(func, in_dims, args):
    """(leaves, shape, the dimension of each leaf or None)."""
    if not isinstance(in_dims, int | tuple | list | dict):
        raise ValueError(
            f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested)"
            f" tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. "
            "Maybe you forgot to add inputs, or you are trying to vmap over a function with no inputs. The latter is unsupported."
        )
    leaves, shape = flatten_tree(tuple(args))
    dims = broadcast_prefix(tuple(in_dims) if isinstance(in_dims, list) else in_dims, shape)
    if dims is None:
        raise ValueError(
            f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of `inputs`. "
            "in_dims has structure TreeSpec but inputs has structure TreeSpec."
        )
    checked = []
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is not None and not isinstance(dim, int):
            raise ValueError(
                f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for an input but in_dim must be"
                " either an integer dimension or None."
            )
        if dim is not None and not isinstance(leaf, Tensor):
            raise ValueError(
                f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for an input but the input is of"
                f" type {type(leaf)}. We cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if dim is not None and not -leaf.ndim <= dim < leaf.ndim:
            raise ValueError(
                f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for some input, but that input is"
                f" a Tensor of dimensionality {leaf.ndim} so expected in_dim to satisfy -{leaf.ndim} <= in_dim < {leaf.ndim}."
            )
        checked.append(dim if dim is None else dim % leaf.ndim)
    return leaves, shape, checked


def _batch_size(func, in_dims, leaves, dims):
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ValueError(
            f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): at least one input must be mapped over"
        )
    if len(set(sizes)) > 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    return sizes[0]


def _run_batch(func, leaves, shape, dims, size, out_dims, randomness, kwargs):
    level = Batch(size, randomness)
    lifted = [leaf if dim is None else level.lift(leaf, dim) for leaf, dim in zip(leaves, dims, strict=True)]
    before, local.batch = local.batch, level
    try:
        with running(level):
            output = func(*unflatten_tree(lifted, shape), **kwargs)
    finally:
        local.batch = before
    for leaf, dim, seen in zip(leaves, dims, lifted, strict=True):
        if dim is not None and seen._storage.writes:  # the function wrote to its argument
            leaf.copy_(level.lower(seen, dim))
    outputs, out_shape = flatten_tree(output)
    for o in outputs:
        if not isinstance(o, Tensor):
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(o)}. "
                "Did you mean to set out_dims= to None for output?"
            )
    out = broadcast_prefix(out_dims, out_shape)
    if out is None and out_shape is None and isinstance(out_dims, tuple) and len(out_dims) == 1:
        out = list(out_dims)
    if out is None:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. "
            "out_dims has structure TreeSpec but outputs has structure TreeSpec."
        )
    return unflatten_tree([_lower_output(level, func, o, d) for o, d in zip(outputs, out, strict=True)], out_shape)


def _lower_output(level, func, output, dim):
    if dim is None:
        if level.owns(output._value):
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` can not return a BatchedTensor when out_dim is None"
            )
        return output
    return level.lower(output, dim)


def _chunk(leaves, dims, at, n):
    return [leaf if d is None else leaf.narrow(d, at, n) for leaf, d in zip(leaves, dims, strict=True)]


def _joined(parts, out_dims):
    trees = [flatten_tree(p) for p in parts]
    shape = trees[0][1]
    dims = broadcast_prefix(out_dims, shape)
    columns = zip(*[leaves for leaves, _ in trees], strict=True)
    return unflatten_tree([cat(list(c), d) for c, d in zip(columns, dims, strict=True)], shape)


@public_in("jtorch.func")
def debug_unwrap(tensor, *, recurse=True):
    """What stands for a tensor inside `vmap` (all entries together) or another transformation; else the tensor itself.

    For printing while debugging: what is computed from it does not go through the transformation.

    Args:
        recurse: through all transformations around it, not the innermost only.
    """
    value = tensor._value
    if value.__class__ is not Lifted:
        return tensor
    inside = wrap(value.parts[0])
    return debug_unwrap(inside) if recurse else inside
