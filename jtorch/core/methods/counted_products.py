"""The matrix products and convolutions that a recorded line stands for, as PyTorch would run them.

A product is (name, shapes), such as ("mm", (2, 3), (3, 4)). `jtorch.utils.flop_counter` counts them.
"""

from __future__ import annotations

from functools import cache
from math import prod

from jtorch.core.engine import Pullback
from jtorch.core.tensor import BatchedCall, PushCall


def products_of(call, in_types, out_types) -> tuple[int, list[tuple]]:
    """(how often, the products) of a line: a forward line, or a pullback, which has one or more for each gradient."""
    times = 1
    while isinstance(call, BatchedCall):
        times, call, in_types = times * call.size, call.forward, call.types
        out_types = call.infer(in_types)[1]
    if isinstance(call, PushCall):  # the slope by each operand
        more, found = products_of(call.forward, call.types, call.forward.infer(call.types)[1])
        return times * more * min(sum(call.are_lifted), 2), found
    if isinstance(call, Pullback):
        while isinstance(call.forward, BatchedCall):
            times *= call.forward.size
            call = call.forward.forward.pulled(call.forward.types, call.needs, call.given)
        return times, _of_pullback(call)
    made = FORWARD.get(call.name)
    return times, [] if made is None else made(
        _shapes_without_numbers(in_types), call.consts, _shapes_without_numbers(out_types)
    )


def _shapes_without_numbers(types):
    return [tuple(t.shape) for t in types if not t.number]


def _of_pullback(call):
    forward = call.forward
    if isinstance(
        forward, Pullback
    ):  # each gradient of the first pass depends on some of its inputs, by one product each
        once = _of_pullback(forward)
        return once * max(sum(call.needs) - 1, 1) if once else []
    shapes, needs = (
        _shapes_without_numbers(call.types),
        [n for n, t in zip(call.needs, call.types, strict=True) if not t.number],
    )
    if forward.name.startswith("conv") and forward.name in FORWARD:
        out = tuple(forward.infer(call.types)[1][0].shape)
        return _products_convolution_backward(shapes, forward.consts, out, "transpose" in forward.name, needs)
    if forward.name in BACKWARD:
        return BACKWARD[forward.name](shapes, forward.consts, needs)
    made = FORWARD.get(forward.name)
    if made is None:
        return []
    first, second = _OPERANDS.get(forward.name, (0, 1))
    found = []
    for name, *parts in made(shapes, forward.consts, []):
        a, b = parts[-2:]
        rows, inner, columns = a[-2], a[-1], b[-1]
        name = "bmm" if len(a) == 3 else "mm"
        found += [(name, (*a[:-1], columns), (*a[:-2], columns, inner))] * needs[first]
        found += [(name, (*a[:-2], inner, rows), (*a[:-1], columns))] * needs[second]
    return found


# ---- products of two matrices


def _products_mm(shapes, consts, outs):
    return [("mm", shapes[0], shapes[1])]


def _products_addmm(shapes, consts, outs):
    return [("addmm", *shapes[:3])]


def _products_bmm(shapes, consts, outs):
    return [("bmm", shapes[0], shapes[1])]


def _products_baddbmm(shapes, consts, outs):
    return [("baddbmm", *shapes[:3])]


def _products_matmul(shapes, consts, outs):
    a, b = shapes[:2]
    if len(b) == 1:
        return []  # a matrix with a vector is not a product of matrices for PyTorch
    a = a if len(a) > 1 else (1, *a)
    if len(b) == 2:
        return [("mm", (prod(a[:-1]), a[-1]), b)]
    batch = prod(_common_batch(a[:-2], b[:-2]))
    return [("bmm", (batch, *a[-2:]), (batch, *b[-2:]))]


def _common_batch(a, b):
    n = max(len(a), len(b))
    a, b = ((1,) * (n - len(s)) + s for s in (a, b))
    return tuple(y if x == 1 else x for x, y in zip(a, b, strict=True))


def _products_linear(shapes, consts, outs):
    x, w, *bias = shapes
    rows, columns = (prod(x[:-1]), x[-1]), (w[1], w[0])
    return [("addmm", bias[0], rows, columns) if bias else ("mm", rows, columns)]


def _products_inner(shapes, consts, outs):
    a, b = shapes
    if not a or not b or len(a) == len(b) == 1:
        return []
    return [("mm", (prod(a[:-1]), a[-1]), (b[-1], prod(b[:-1])))]


def _products_tensordot(shapes, consts, outs):
    a, b = shapes
    summed = prod(a[d] for d in consts["dims_a"])
    return [("mm", (prod(a) // max(summed, 1), summed), (summed, prod(b) // max(summed, 1)))]


def _products_einsum(shapes, consts, outs):
    return [product for _, product in _products_einsum_steps(shapes, consts)]


def _products_einsum_backward(shapes, consts, needs):
    found = []
    for i, (name, a, b) in _products_einsum_steps(shapes, consts):
        found += [(name, (*a[:2], b[2]), (a[0], b[2], a[2]))] * any(needs[:i])
        found += [(name, (a[0], a[2], a[1]), (*a[:2], b[2]))] * needs[i]
    return found


def _products_einsum_steps(shapes, consts):
    """The operands are multiplied from left to right; what occurs in neither the rest nor the result is summed."""
    left, _, out = consts["equation"].partition("->")
    terms = left.split(",")
    if any("." in term for term in terms):
        return []
    sizes = {}
    for term, shape in zip(terms, shapes, strict=True):
        sizes |= {c: max(n, sizes.get(c, 1)) for c, n in zip(term, shape, strict=True)}
    found, held = [], terms[0]
    for i, term in enumerate(terms[1:], 1):
        later = {*out, *"".join(terms[i + 1 :])}
        mine, other = ({c for c in part if c in later or c in both} for part, both in ((held, term), (term, held)))
        summed = (mine & other) - later
        if summed:
            measure = lambda indices: prod(sizes[c] for c in indices)
            inner, batch = measure(summed), measure((mine & other) & later)
            found += [(i, ("bmm", (batch, measure(mine - other), inner), (batch, inner, measure(other - mine))))]
        held = "".join((mine | other) - summed)
    return found


def _products_multi_dot(shapes, consts, outs):
    """In the order that takes the fewest operations."""
    first = (1, *shapes[0]) if len(shapes[0]) == 1 else shapes[0]
    sizes = [*first, *(s[1] if len(s) == 2 else 1 for s in shapes[1:])]

    @cache
    def best(i, j):
        if i == j:
            return 0, ()
        ways = []
        for k in range(i, j):
            (cost, left), (more, right) = best(i, k), best(k + 1, j)
            product = ("mm", (sizes[i], sizes[k + 1]), (sizes[k + 1], sizes[j + 1]))
            ways.append((cost + more + sizes[i] * sizes[k + 1] * sizes[j + 1], (*left, *right, product)))
        return min(ways, key=lambda way: way[0])

    return list(best(0, len(shapes) - 1)[1])


def _products_matrix_power(shapes, consts, outs):
    (a,), n = shapes, abs(consts["n"])
    a = (prod(a[:-2]), *a[-2:]) if len(a) > 2 else a
    return [("bmm" if len(a) == 3 else "mm", a, a)] * (n.bit_length() + n.bit_count() - 2 if n else 0)


def _products_twice(products):
    """Of a chain of products: each of them has two gradients."""
    return lambda shapes, consts, needs: products(shapes, consts, ()) * 2


def _products_addbmm_backward(shapes, consts, needs):
    _, (batch, rows, inner), (_, _, columns) = shapes
    found = [("bmm", (batch, rows, columns), (batch, columns, inner))] * needs[1]
    return found + [("bmm", (batch, inner, rows), (batch, rows, columns))] * needs[2]


# ---- attention


def _products_attention(shapes, consts, outs):
    q, k, v = shapes[:3]
    batch = prod(_common_batch(q[:-3], k[:-3])) * (q[-3] if len(q) > 2 else 1)
    rows, columns = q[-2], k[-2]
    return [
        ("bmm", (batch, rows, q[-1]), (batch, q[-1], columns)),
        ("bmm", (batch, rows, columns), (batch, columns, v[-1])),
    ]


def _products_attention_backward(shapes, consts, needs):
    (_, a, _), (_, c, d) = _products_attention(shapes, consts, ())
    batch, rows, columns = c
    found = [("bmm", (batch, columns, rows), (batch, rows, d[-1]))] * needs[2]
    found += [("bmm", (batch, rows, d[-1]), (batch, d[-1], columns))] * (needs[0] or needs[1])
    found += [("bmm", (batch, rows, columns), (batch, columns, a[-1]))] * needs[0]
    return found + [("bmm", (batch, a[-1], rows), (batch, rows, columns))] * needs[1]


# ---- recurrent layers: the input is multiplied at once, the state once for each step


def _sizes_of_layer(shapes, hidden, weights):
    """(steps, batch, input, hidden size, gates) of a layer; a cell has one step."""
    x, h, w = shapes[0], shapes[1], shapes[weights]
    return (x[0] if len(x) == 3 else 1), h[0], x[-1], h[-1], w[0]


def _products_layer(weights):
    def products(shapes, consts, outs):
        steps, batch, size, hidden, gates = _sizes_of_layer(shapes, 1, weights)
        rest = shapes[weights + 2 :]
        bias = [s for s in rest if len(s) == 1]
        name = "addmm" if bias else "mm"
        found = [(name, *bias[:1], (steps * batch, size), (size, gates))]
        found += [(name, *bias[:1], (batch, hidden), (hidden, gates))] * steps
        projected = [s for s in rest if len(s) == 2]
        return found + [("mm", (batch, s[1]), (s[1], s[0])) for s in projected] * steps

    return products


def _products_layer_backward(weights):
    forward = _products_layer(weights)

    def products(shapes, consts, needs):
        found = []
        for i, (_, *parts) in enumerate(forward(shapes, consts, ())):
            a, b = parts[-2:]
            before, weight = [needs[0], needs[weights]] if i == 0 else [i > 1 or needs[1], needs[weights + 1]]
            found += [("mm", (a[0], b[1]), (b[1], b[0]))] * bool(before)
            found += [("mm", (a[1], a[0]), (a[0], b[1]))] * bool(weight)
        return found

    return products


# ---- convolutions


def _products_convolution(shapes, consts, outs, transposed=False):
    x, w, *bias = shapes
    spatial = len(w) - 2
    batched = lambda s: s if len(s) == spatial + 2 else (1, *s)
    return [("convolution", batched(x), w, tuple(bias[:1]), transposed, batched(outs[0]))]


def _products_transposed(shapes, consts, outs):
    return _products_convolution(shapes, consts, outs, True)


def _products_convolution_backward(shapes, consts, out, transposed, needs):
    ((_, x, w, _, _, out),) = _products_convolution(shapes, consts, [out])
    return [("convolution_backward", out, x, w, transposed, (bool(needs[0]), bool(needs[1])))]


FORWARD = {
    "mm": _products_mm,
    "addmm": _products_addmm,
    "bmm": _products_bmm,
    "baddbmm": _products_baddbmm,
    "matmul": _products_matmul,
    "linear": _products_linear,
    "inner": _products_inner,
    "tensordot": _products_tensordot,
    "einsum": _products_einsum,
    "multi_dot": _products_multi_dot,
    "matrix_power": _products_matrix_power,
    "_attention": _products_attention,
    "_fused_attention": _products_attention,
    "_lstm_layer": _products_layer(3),
    "_gru_layer": _products_layer(2),
    "_rnn_layer": _products_layer(2),
    "_lstm_memory": _products_layer(3),
    "_gru_cell": _products_layer(2),
    "_rnn_cell": _products_layer(2),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _products_convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _products_transposed),
}
BACKWARD = {
    "einsum": _products_einsum_backward,
    "addbmm": _products_addbmm_backward,  # PyTorch does not count it forward
    "multi_dot": _products_twice(_products_multi_dot),
    "matrix_power": _products_twice(_products_matrix_power),
    "_attention": _products_attention_backward,
    "_fused_attention": _products_attention_backward,
    **{name: _products_layer_backward(3) for name in ("_lstm_layer", "_lstm_memory")},
    **{name: _products_layer_backward(2) for name in ("_gru_layer", "_rnn_layer", "_gru_cell", "_rnn_cell")},
}
_OPERANDS = {"addmm": (1, 2), "baddbmm": (1, 2)}  # the inputs that are multiplied
