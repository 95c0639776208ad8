"""The `_copy` forms of views, which share no memory with their input, and `as_strided_scatter`."""

from __future__ import annotations

import inspect

from jtorch.core.op import function, store
from jtorch.core.ops.views.copies import clone, contiguous_copy
from jtorch.core.ops.views.reinterpret import view_as_complex, view_as_real
from jtorch.core.ops.views.shape import permute, squeeze, t, transpose, unsqueeze
from jtorch.core.ops.views.slices import alias, as_strided, diagonal, select
from jtorch.core.ops.views.split import split, split_with_sizes, unbind


def _expanded_view(input, size, *, implicit=False):
    return input.expand(size)


def _sliced_view(input, dim=0, start=None, end=None, step=1):
    return input[(slice(None),) * (dim % input.ndim) + (slice(start, end, step),)]


def _unfolded_view(input, dimension, size, step):
    return input.unfold(dimension, size, step)


def _sized(input, size):
    return input.view(size)


def _detached(input):
    return input.detach()


def _copy_of(view, node):
    """A contiguous copy of a view, behind the view's node."""
    made = contiguous_copy(view)
    if made._edge is not None:
        made._edge.name_ = node.removesuffix("_copy") + "_copy"
    return made


def _copying(name, view, node=None):
    """Declare the function `name` that copies what a view shows. `node`: the view's node where each of its parts has none."""

    def copied(*args, out=None, **kwargs):
        shown = view(*args, **kwargs)
        if isinstance(shown, tuple | list):
            made = tuple([_copy_of(part, node) for part in shown])
        else:
            edge = shown._history()
            made = _copy_of(shown, node or (edge.name() if edge is not None and hasattr(edge, "name") else ""))
        if out is None:
            return made
        stored = store(out, made, name)
        return None if isinstance(made, tuple) else stored

    copied.__name__ = copied.__qualname__ = name
    copied.__module__ = __name__
    copied.__doc__ = f"What `{name.removesuffix('_copy')}` shows, as a copy."
    given = inspect.signature(getattr(view, "plain", view))
    out = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)
    kept = [p for p in given.parameters.values() if p.name != "out"]
    last = len(kept) - any(p.kind is inspect.Parameter.VAR_KEYWORD for p in kept)
    copied.__signature__ = given.replace(parameters=[*kept[:last], out, *kept[last:]])
    return function(copied)


_VIEWS = {
    "alias_copy": (alias, "AliasBackward0"),
    "as_strided_copy": (as_strided, "AsStridedBackward0"),
    "detach_copy": (_detached, None),
    "diagonal_copy": (diagonal, "DiagonalBackward0"),
    "expand_copy": (_expanded_view, "ExpandBackward0"),
    "permute_copy": (permute, "PermuteBackward0"),
    "select_copy": (select, "SelectBackward0"),
    "slice_copy": (_sliced_view, "SliceBackward0"),
    "split_copy": (split, "SplitBackward0"),
    "split_with_sizes_copy": (split_with_sizes, "SplitWithSizesBackward0"),
    "squeeze_copy": (squeeze, None),
    "t_copy": (t, "TBackward0"),
    "transpose_copy": (transpose, "TransposeBackward0"),
    "unbind_copy": (unbind, "UnbindBackward0"),
    "unfold_copy": (_unfolded_view, "UnfoldBackward0"),
    "unsqueeze_copy": (unsqueeze, "UnsqueezeBackward0"),
    "view_as_complex_copy": (view_as_complex, "ViewAsComplexBackward0"),
    "view_as_real_copy": (view_as_real, "ViewAsRealBackward0"),
    "view_copy": (_sized, "ViewBackward0"),
}
for _name, (_made, _node) in _VIEWS.items():
    _copying(_name, _made, _node)


@function(method=True)
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy with what `as_strided` would show replaced by `src`.

    Differs from torch: the gradient of a replaced element is 0, where PyTorch passes on that of what replaced it.
    """
    if tuple(src.shape) != tuple(size):
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size ="
            f" {list(size)}"
        )
    made = clone(input)
    as_strided(made, size, stride, storage_offset).copy_(src)
    return made
