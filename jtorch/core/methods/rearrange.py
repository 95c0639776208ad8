"""`torch.func.rearrange`: the dimensions of a tensor in another order, joined and split, as einops' pattern says."""

from __future__ import annotations

import math
import re

from jtorch.core.op import public_in
from jtorch.core.ops.functions import stack
from jtorch.core.tensor import Tensor


class DimensionBindError(Exception):
    """A dimension does not split into the sizes that are given."""


_DOTS = "…"  # one character for "...", as PyTorch's errors print it


def _groups_of_pattern(text):
    """One side of a pattern: each dimension as a list of names, or the dots. "1" and "()" are empty lists."""
    bad = re.search(r"[^\w\s().…]", text)
    if bad:
        raise ValueError(f"Unknown character '{bad[0]}'")
    groups, now = [], None
    for token in re.findall(r"[()]|[^\s()]+", text):
        if token == "(" and now is None:
            now = []
            groups.append(now)
        elif token == ")" and now is not None:
            now = None
        elif token in "()":
            raise ValueError(f"Imbalanced parentheses in expression: '{text.replace(_DOTS, '...')}'")
        else:
            _check_name(token)
            names = [] if token == "1" else [token]
            if now is not None:
                now += names
            else:
                groups.append(_DOTS if token == _DOTS else names)
    if now is not None:
        raise ValueError(f"Imbalanced parentheses in expression: '{text.replace(_DOTS, '...')}'")
    names = [name for group in groups for name in group]
    doubled = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if doubled is not None:
        raise ValueError(f"Indexing expression contains duplicate dimension '{doubled}'")
    return groups


def _check_name(token):
    if token == _DOTS:
        return
    if token.isdecimal():
        if token != "1":
            raise ValueError("rearrange only supports unnamed axes of size 1")
    elif not token.isidentifier() or token[0] == "_" or token[-1] == "_":
        raise ValueError(f"Invalid axis identifier: {token}\naxis name should should not start or end with underscore")


def _parsed_pattern(pattern, lengths):
    sides = pattern.replace("...", _DOTS).split("->")
    if len(sides) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    left, right = map(_groups_of_pattern, sides)
    here, there = ({name for group in side for name in group} for side in (left, right))
    if any(_DOTS in group for group in left if group != _DOTS):
        raise ValueError(f"Ellipsis is parenthesis in the left side is not allowed: {pattern}")
    if _DOTS in there and _DOTS not in here:
        raise ValueError(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if here != there:
        raise ValueError(f"Identifiers only on one side of rearrange expression (should be on both): {here ^ there}")
    unknown = set(lengths) - here
    if unknown:
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown}")
    for length in lengths.values():
        if not isinstance(length, int):
            raise TypeError(f"rearrange axis lengths must be integers, got: {type(length)}")
    return left, right


def _split_sizes(names, size, lengths, first):
    """The sizes of the dimensions that one of this size is split into. `first` is the number of the first name, for errors."""
    numbered = [f"d{first + i}" for i in range(len(names))]
    open_ones = [name for name in names if name not in lengths]
    if len(open_ones) > 1:
        a, b = (numbered[names.index(name)] for name in open_ones[:2])
        raise DimensionBindError(f"cannot infer the sizes of two dimensions at once {a} and {b}")
    given = math.prod(lengths[name] for name in names if name in lengths)
    if not open_ones and names and size != given:
        shown = f"({', '.join(numbered)})"
        raise DimensionBindError(
            f"Dimension sizes to do not match ({size} != {given}) when matching dimension pack {shown}"
        )
    if not names and size != 1:
        raise ValueError(f"a dimension of size {size} where the pattern has 1")
    if open_ones and (not given or size % given):
        shown = tuple(lengths.get(name, "?") for name in names)
        raise DimensionBindError(f"inferred dimension does not evenly fit into larger dimension: {size} vs {shown}")
    return [lengths.get(name, size // given if given else 0) for name in names]


@public_in("jtorch.func")
def rearrange(tensor, pattern, **axes_lengths):
    """Put the dimensions of a tensor into another order, join some of them and split others.

    Args:
        tensor: a tensor, or a list of tensors of one shape, which are stacked first.
        pattern: names of the dimensions before and after "->". Those in parentheses are one dimension of the tensor, "..."
            stands for any number of dimensions, "1" and "()" for one of size 1.
        axes_lengths: the sizes of the dimensions that the tensor's sizes do not tell.

    Raises:
        ValueError: the pattern is none, or has other dimensions than the tensor.
        DimensionBindError: a size does not fit.

    >>> x = torch.arange(6).reshape(2, 3)
    >>> torch.func.rearrange(x, "a (b c) -> c (a b)", c=1).tolist()
    [[0, 1, 2, 3, 4, 5]]
    """
    if not isinstance(tensor, Tensor):
        tensor = stack(tensor)
    left, right = _parsed_pattern(pattern, axes_lengths)
    if _DOTS in left:
        rest = tensor.ndim - len(left) + 1
        dots = [f"{_DOTS}{i}" for i in range(max(rest, 0))]
        at = left.index(_DOTS)
        left = [*left[:at], *[[name] for name in dots], *left[at + 1 :]]
    else:
        dots, rest = [], 0
    if rest < 0 or len(left) != tensor.ndim:
        raise ValueError(
            f"Number of dimensions in pattern ({len(left)}) must be equal to the number of dimensions in the tensor ({tensor.ndim})"
        )
    sizes = {}
    for group, size in zip(left, tensor.shape, strict=True):
        sizes.update(zip(group, _split_sizes(group, size, axes_lengths, len(sizes)), strict=True))
    spread = [[n for name in group for n in (dots if name == _DOTS else [name])] for group in right]
    if _DOTS in right:
        at = right.index(_DOTS)
        spread = [*spread[:at], *[[name] for name in dots], *spread[at + 1 :]]
    order = list(sizes)
    parts = tensor.reshape([sizes[name] for name in order])
    moved = parts.permute([order.index(name) for group in spread for name in group])
    return moved.reshape([math.prod(sizes[name] for name in group) for group in spread])
