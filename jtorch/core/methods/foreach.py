"""`torch._foreach_add` and its like: one operation on each tensor of a list. PyTorch runs them as one kernel, as XLA does here.

Optimizers of libraries call them. A second argument is a list as long as the first, or one number or tensor for all.
"""

from __future__ import annotations

from jtorch.core.ops.matrix.linalg import vector_norm
from jtorch.core.ops.matrix.products import mm
from jtorch.core.tensor import Tensor

_ONE = """abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt
sigmoid sign sin sinh sqrt tan tanh trunc""".split()
_MORE = "add addcdiv addcmul clamp_max clamp_min div lerp maximum minimum mul pow sub".split()
_NAMED = (
    "other scalar scalars exponent tensors1 tensor1 tensor2 weights weight src mat2".split()
)  # in the order of arguments
_BOUNDS = {"maximum": "clamp_min", "minimum": "clamp_max"}  # with a number, or in place


def _list_of_tensors(name, given):
    if not isinstance(given, list | tuple) or not all(isinstance(t, Tensor) for t in given):
        kinds = [type(t).__name__ for t in given] if isinstance(given, list | tuple) else type(given).__name__
        raise TypeError(f"_foreach_{name}(): the first argument must be tuple of Tensors, not {kinds}")
    if not given:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return given


def _for_each(argument, count):
    """One for each of `count` tensors."""
    if not isinstance(argument, list | tuple):
        return [argument] * count
    if len(argument) != count:
        if argument and isinstance(argument[0], Tensor):
            raise RuntimeError(f"Tensor lists must have the same number of tensors, got {count} and {len(argument)}")
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return argument


def _method(name, inplace):
    def one(tensor, *arguments, **options):
        called = name
        if len(arguments) == 3:  # addcmul and addcdiv: they take the number by name only
            *arguments, options["value"] = arguments
        elif name in _BOUNDS and (inplace or not isinstance(arguments[0], Tensor)):
            called = _BOUNDS[name]
        return getattr(Tensor, called + "_" * inplace)(tensor, *arguments, **options)

    return one


def _over_lists(name, one, inplace=False):
    def each(self, *arguments, **options):
        arguments += tuple(options.pop(key) for key in _NAMED if key in options)
        if name == "pow" and not inplace and arguments and not isinstance(self, list | tuple):
            return tuple(exponent.__rpow__(self) for exponent in _list_of_tensors(name, arguments[0]))
        tensors = _list_of_tensors(name, self)
        if len(arguments) == 3 and isinstance(arguments[2], Tensor):
            arguments = *arguments[:2], arguments[2].tolist()
        rows = zip(tensors, *(_for_each(argument, len(tensors)) for argument in arguments), strict=True)
        results = tuple(one(*row, **options) for row in rows)
        return self if inplace else results

    each.__name__ = each.__qualname__ = f"_foreach_{name}{'_' * inplace}"
    each.__doc__ = (
        f"`{name}{'_' * inplace}` of each tensor of a list. Raises RuntimeError where the lists differ in length."
    )
    return each


def _norm(tensor, ord=2, dtype=None):
    return vector_norm(tensor, ord, dtype=dtype)


def _power_sum(tensor, ord=2, dtype=None):
    return (tensor if dtype is None else tensor.to(dtype)).abs().pow(ord).sum()


def _copy_from(tensor, source, non_blocking=False):
    return tensor.copy_(source, non_blocking)


_MADE = [_over_lists(name, _method(name, inplace), inplace) for name in _ONE + _MORE for inplace in (False, True)]
_MADE += [_over_lists("clone", Tensor.clone), _over_lists("max", Tensor.max), _over_lists("mm", mm)]
_MADE += [_over_lists("norm", _norm), _over_lists("powsum", _power_sum)]
_MADE += [_over_lists("copy", _copy_from, True), _over_lists("zero", Tensor.zero_, True)]
FOREACH = {function.__name__: function for function in _MADE}
