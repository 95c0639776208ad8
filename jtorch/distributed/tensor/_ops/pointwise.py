"""Elementwise ops of DTensors: on the local tensors, which must be cut alike."""

from __future__ import annotations

from jtorch.core.tensor import Tensor
from jtorch.distributed.tensor._api import DTensor
from jtorch.distributed.tensor._ops.rule_table import by_mesh_dim, check_written, placed_all, result_of, rule
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard

_POINTWISE = """
celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu relu6 selu silu softplus softshrink
softsign tanhshrink threshold bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor clamp
clamp_max clamp_min eq fmax fmin ge gt isclose isfinite isinf isnan isneginf isposinf isreal le logical_and logical_not
logical_or logical_xor lt maximum minimum ne acos acosh asin asinh atan atan2 atanh cos cosh deg2rad exp exp2 expm1 hypot log
log10 log1p log2 logaddexp logaddexp2 rad2deg rsqrt sigmoid sin sinh sqrt tan tanh abs add addcdiv addcmul ceil div divide
floor floor_divide fmod frac mul neg pow reciprocal remainder round rsub sgn sign signbit square sub trunc true_divide truediv
copysign digamma erf erfc erfinv lgamma logit nan_to_num sinc xlogy where masked_fill lerp clone zeros_like ones_like full_like
empty_like type_as float double half bfloat16 int long bool multiply subtract negative absolute clip floordiv mod
""".split()
_LINEAR = {"add", "sub", "subtract", "neg", "negative", "clone"}  # linear: Partial inputs need no sum
_SCALING = {
    "mul",
    "multiply",
    "div",
    "divide",
    "true_divide",
    "truediv",
}  # linear in the first input, where the others are numbers


def _own_dim(tensor, dim, ndim):
    """The dimension of a tensor that is broadcast to this one of the result; None if it has none, or one of size 1."""
    own = dim - (ndim - tensor.ndim)
    return own if own >= 0 else None


def _joint_shape(tensors):
    ndim = max(t.ndim for t in tensors)
    sizes = []
    for dim in range(ndim):
        found = [t.shape[own] for t in tensors if (own := _own_dim(t, dim, ndim)) is not None]
        wide = [n for n in found if n != 1]
        sizes.append(wide[0] if wide else 1)
    return tuple(sizes)


def _decided(name, tensors, shape, numbers_only):
    """(placements needed, placements of the result): see `by_mesh_dim`."""
    ndim = len(shape)

    def decide(i):
        own = [t._placements[i] for t in tensors]
        linear = name in _LINEAR and all(p == Partial("sum") for p in own) and numbers_only != "shifted"
        scaled = name in _SCALING and len(own) == 1 and own[0] in (Partial("sum"), Partial("avg"))
        if linear or scaled:
            return own, own[0]
        for t, p in sorted(zip(tensors, own, strict=True), key=lambda pair: -pair[0].numel()):
            if isinstance(p, Shard):
                dim = p.dim + ndim - t.ndim
                if t.shape[p.dim] == shape[dim]:
                    return [_like_result(t, dim, shape, p) for t in tensors], _moved(p, dim)
        return [Replicate()] * len(own), Replicate()

    return decide


def _like_result(tensor, dim, shape, p):
    own = _own_dim(tensor, dim, len(shape))
    if own is None or tensor.shape[own] != shape[dim]:
        return Replicate()
    return _moved(p, own)


def _moved(p, dim):
    return p if p.dim == dim else Shard(dim)


@rule(*_POINTWISE)
def on_parts(func, name, args, kwargs):
    """An elementwise op."""
    given = [*args, *kwargs.values()]
    tensors = [a for a in given if isinstance(a, DTensor)]
    mesh, shape = tensors[0]._mesh, _joint_shape(tensors)
    others = [a for a in given if not isinstance(a, DTensor) and not isinstance(a, str)]
    shifted = name in _LINEAR and any(isinstance(a, int | float | complex | Tensor) for a in args)
    needed, out = by_mesh_dim(mesh, _decided(name, tensors, shape, "shifted" if shifted else others))
    locals_ = iter(placed_all(tensors, needed, out))
    args = [next(locals_) if isinstance(a, DTensor) else a for a in args]
    kwargs = {k: next(locals_) if isinstance(a, DTensor) else a for k, a in kwargs.items()}
    return result_of(func(*args, **kwargs), mesh, out, shape)


_IN_PLACE = [name + "_" for name in _POINTWISE if name not in ("where", "clone")]


@rule("copy_", "zero_", "fill_", *_IN_PLACE)
def in_place(func, name, args, kwargs):
    """An elementwise op in place: it writes to the local tensor. The other inputs get the placements of the first."""
    first, *others = args
    if not isinstance(first, DTensor):
        return NotImplemented
    check_written(first, name)
    if any(isinstance(p, Partial) for p in first._placements) and name != "zero_":
        others_partial = all(not isinstance(o, DTensor) or o._placements == first._placements for o in others)
        numbers = not any(isinstance(o, DTensor) for o in others)
        if not (
            (name == "add_" and others_partial and not numbers)
            or (name in ("mul_", "div_") and numbers)
            or name == "copy_"
        ):
            raise NotImplementedError(f"{name}: a DTensor whose parts have to be summed first: {first._placements}")
    shape = first.shape

    def local(other):
        if not isinstance(other, DTensor):
            return other
        needed = [_needed_in_place(other, p, shape) for p in first._placements]
        return other._under(tuple(needed))._local_tensor

    func(first._local_tensor, *map(local, others), **{k: local(v) for k, v in kwargs.items()})
    return first


def _needed_in_place(other, p, shape):
    return _like_result(other, p.dim, shape, p) if isinstance(p, Shard) else p
