"""`einsum`: reading an equation, with PyTorch's errors, and the sum itself.

One operand takes diagonals, a permutation and a sum; all but the sum are views. Several operands take one `jnp.einsum`,
whose result has the strides that PyTorch's matrix products leave.
"""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.core.facts import contiguous_strides, dtypes, elementwise_strides, view_strides
from jtorch.core.op import Array, op, public
from jtorch.core.tensor import Tensor

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _parse_term(equation, where, start):
    """The subscripts of one term, checked letter by letter; "." stands for an ellipsis. `start`: its position in the equation."""
    found, i = "", 0
    while i < len(where):
        c = where[i]
        owner = "output" if start < 0 else f"operand {equation[:start].count(',')}"
        if c == ".":
            if "." in found:
                already = "but an ellipsis (...)" if start < 0 else "for which an ellipsis"
                raise RuntimeError(f"einsum(): found '.' for {owner} {already} was already found")
            if where[i : i + 3] != "...":
                more = " (...)" if start < 0 else ""
                raise RuntimeError(f"einsum(): found '.' for {owner} that is not part of any ellipsis{more}")
            i += 2
        elif c not in _LETTERS and c != " ":
            at = i + (start if start >= 0 else -start)
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {at} in the equation string, subscripts must be in [a-zA-Z]"
            )
        found += c.strip()
        i += 1
    return found


def _parse_equation(equation, operands):
    """(the terms, the output or None) with an ellipsis as "."."""
    left, arrow, right = equation.partition("->")
    terms, start = [], 0
    for part in left.split(","):
        terms.append(_parse_term(equation, part, start))
        start += len(part) + 1
    if len(terms) > len(operands):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    if len(terms) < len(operands):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    out = _parse_term(equation, right, -len(left) - 2) if arrow else None
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        letters = len(term) - term.count(".")
        if letters > x.ndim or ("." not in term and letters != x.ndim):
            fits = "is more than" if "." in term else "does not match"
            more = "" if "." in term else " and no ellipsis was given"
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({letters}) {fits} the number of dimensions"
                f" ({x.ndim}) for operand {i}{more}"
            )
    return terms, out


def _expand_ellipses(equation, operands):
    """(terms, output, {letter: size}) with a letter of its own for each dimension of the ellipses."""
    terms, out = _parse_equation(equation, operands)
    hidden = [x.ndim - len(t) + 1 if "." in t else 0 for t, x in zip(terms, operands, strict=True)]
    spare = [c for c in _LETTERS if c not in "".join(terms)][: max(hidden)]
    terms = [t.replace(".", "".join(spare[len(spare) - n :])) for t, n in zip(terms, hidden, strict=True)]
    if out is None:
        joined = "".join(terms)
        out = "." + "".join(c for c in _LETTERS if joined.count(c) == 1 and c not in spare)
    for c in out.replace(".", ""):
        if out.count(c) > 1:
            raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
        if not any(c in t for t in terms):
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
    return terms, out.replace(".", "".join(spare)), _letter_sizes(terms, operands)


def _letter_sizes(terms, operands):
    sizes = {}
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        for name, n in zip(term, x.shape, strict=True):
            seen = sizes.setdefault(name, n)
            if n != seen and n != 1 and seen != 1:
                raise RuntimeError(
                    f"einsum(): subscript {name} has size {n} for operand {i} which does not broadcast with previously seen size {seen}"
                )
            sizes[name] = n if seen == 1 else seen
    return sizes


def _product_kind(types, consts):
    """How PyTorch multiplies: "bmm" where a letter of several operands is summed, "sum" where one of a single operand
    is, "mul" where none is."""
    terms, out, sizes = _expand_ellipses(consts["equation"], types)
    summed = [c for c in sizes if c not in out and sizes[c] > 1]
    if any(sum(c in t for t in terms) > 1 for c in summed):
        return "bmm"
    return "sum" if any(c not in out for c in sizes) else "mul"


def _einsum_name(types, consts):
    return "MulBackward0" if _product_kind(types, consts) == "mul" else "ViewBackward0"


def _einsum_strides(types, shapes, consts):
    """The strides of a matrix product: in memory batches, rows, columns in that order, shown in the order of the output."""
    kind = _product_kind(types, consts)
    if len(types) != 2 or kind == "sum":
        return [None]
    terms, out, sizes = _expand_ellipses(consts["equation"], types)
    if kind == "mul":
        laid = [_in_output_order(out, term, x) for term, x in zip(terms, types, strict=True)]
        return [elementwise_strides(tuple(shapes[0]), laid)]
    big = [{c for c, n in zip(t, x.shape, strict=True) if n > 1} for t, x in zip(terms, types, strict=True)]
    both = [c for c in out if c in big[0] and c in big[1]]
    rows = [c for c in out if c in big[0] and c not in big[1]]
    columns = [c for c in out if c not in big[0]]
    summed = [c for c in sizes if c not in out]
    if rows and columns and out.index(rows[-1]) > out.index(columns[-1]):  # PyTorch exchanges the operands
        rows, columns = columns, rows
    order = [*both, *rows, *summed, *columns]
    laid = dict(zip(order, contiguous_strides([1 if c in summed else sizes[c] for c in order]), strict=True))
    shown = [*out, *summed]
    return [view_strides([1 if c in summed else sizes[c] for c in shown], [laid[c] for c in shown], shapes[0])]


def _in_output_order(out, term, x):
    """(shape, strides) of an operand in the order of the output, with size 1 for a letter that it lacks."""
    for c in term:
        if term.count(c) > 1:
            return (1,) * len(out), (0,) * len(out)
    sizes, strides = dict(zip(term, x.shape, strict=True)), dict(zip(term, x.strides, strict=True))
    return tuple([sizes.get(c, 1) for c in out]), tuple([strides.get(c, 0) for c in out])


@op(
    name="einsum",
    grad_fn=_einsum_name,
    strides=_einsum_strides,
    autocast="low",
    graph={
        "ViewBackward0": "View(Permute(View(Bmm(View(Permute(Permute(operands0))), View(Permute(Permute(operands1)))))))",
        "MulBackward0": "Mul(Permute(operands0), Permute(operands1))",
    },
)
def _einsum(operands: list[Array], equation: str) -> Array:
    terms, out, sizes = _expand_ellipses(equation, operands)
    if _product_kind(operands, {"equation": equation}) == "mul":
        work = jnp.result_type(*operands)
    else:
        work = operands[0].dtype
        for x in operands[1:]:
            if x.dtype != work:
                names = [dtypes.of(d).scalar_name for d in (work, x.dtype)]
                raise RuntimeError(f"expected scalar type {names[0]} but found {names[1]}")
    stretched = [
        jnp.broadcast_to(x.astype(work), [sizes[c] for c in term]) for term, x in zip(terms, operands, strict=True)
    ]  # a size of 1 is broadcast, which jnp.einsum does not do
    return jnp.einsum(",".join(terms) + "->" + out, *stretched, preferred_element_type=work)


@public(method=False)
def einsum(equation, *operands):
    """The product of the operands, summed over all indices that do not follow the arrow.

    Args:
        equation: such as "ij,jk->ik"; "..." stands for the other dims. Without an arrow the result has the indices that
            occur once, in alphabetical order. Instead of an equation, each operand may be followed by a list of its
            indices: einsum(a, [0, 1], b, [1, 2], [0, 2]).

    Differs from torch: `stride()` may give another number for a dim of size 1.

    >>> torch.einsum("ij,j->i", torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1., 1.]))
    tensor([3., 7.])
    """
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list"
        )
    if isinstance(equation, Tensor):
        equation, operands = _from_sublists((equation, *operands))
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = operands[0]
    for i, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(x).__name__}")
    return _einsum_of_one(equation, operands[0]) if len(operands) == 1 else _einsum(list(operands), equation)


def _einsum_of_one(equation, x):
    """einsum of one operand, whose diagonals and permutations are views."""
    (term,), out, _ = _expand_ellipses(equation, [x])
    for c in dict.fromkeys(c for c in term if term.count(c) > 1):
        while term.count(c) > 1:
            first = term.index(c)
            second = term.index(c, first + 1)
            x = x.diagonal(0, first, second).movedim(-1, first)
            term = term[:second] + term[second + 1 :]
    x = x.permute([term.index(c) for c in [*out, *[c for c in term if c not in out]]])
    return x if len(out) == len(term) else x.sum(tuple(range(len(out), len(term))))


def _from_sublists(arguments):
    def text(indices):
        for i in indices:
            if i is not Ellipsis and not 0 <= i < len(_LETTERS):
                raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
        return "".join("..." if i is Ellipsis else _LETTERS[i] for i in indices)

    pairs, rest = len(arguments) // 2, len(arguments) % 2
    equation = ",".join(text(arguments[2 * i + 1]) for i in range(pairs))
    return equation + ("->" + text(arguments[-1]) if rest else ""), arguments[: 2 * pairs : 2]
