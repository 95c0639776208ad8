"""`torch.utils.flop_counter`: counts the floating-point operations of matrix products and convolutions, as PyTorch does.

They are counted when lines are recorded, so nothing need be computed: on the meta device nothing is.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from functools import wraps
from math import prod

from jtorch._library.custom_ops import watch_custom_ops
from jtorch._ops import OpOverloadPacket, ops
from jtorch.core.engine import Pullback, watch_recorded
from jtorch.core.facts import Size
from jtorch.core.methods import products_of
from jtorch.utils._pytree import tree_leaves, tree_map
from jtorch.utils.module_tracker import ModuleTracker

__all__ = ["FlopCounterMode", "register_flop_formula"]

aten = ops.aten
flop_registry: dict = {}  # packet of torch.ops -> its formula


def get_shape(i):
    """The shape of a tensor; anything else as it is."""
    return getattr(i, "shape", i)


def shape_wrapper(f):
    """A formula that takes shapes in place of tensors, and the result's as `out_shape`."""

    @wraps(f)
    def formula(*args, out_val=None, **kwargs):
        args, kwargs, out = tree_map(get_shape, (args, kwargs, out_val), is_leaf=lambda x: isinstance(x, Size))
        return f(*args, out_shape=out, **kwargs)

    return formula


def register_flop_formula(targets, get_raw=False):
    """Declare how operations of functions are counted.

    Args:
        targets: functions of `torch.ops`, such as `torch.ops.mylib.foo`.
        get_raw: give the formula the arguments themselves, and not their shapes; the result is then `out_val`.

    Raises:
        ValueError: a target is not a function of `torch.ops`.
        RuntimeError: a target has a formula already.

    Differs from torch: the formula of a built-in function gets what its line of the trace has: shapes, and options by name.

    >>> from jtorch.utils.flop_counter import FlopCounterMode, flop_registry, register_flop_formula
    >>> @register_flop_formula(torch.ops.aten.relu)
    ... def relu_flop(shape, *args, out_shape=None, **kwargs):
    ...     return shape.numel()
    >>> with FlopCounterMode(display=False) as counter:
    ...     y = torch.ones(2, 3).relu()
    >>> counter.get_total_flops()
    6
    >>> formula = flop_registry.pop(torch.ops.aten.relu)
    """

    def register(formula):
        formula = formula if get_raw else shape_wrapper(formula)
        for target in tree_leaves(targets):
            if not isinstance(target, OpOverloadPacket):
                raise ValueError(
                    "register_flop_formula(targets): expected each target to be OpOverloadPacket (i.e. torch.ops.mylib.foo), "
                    f"JitFunction, or HigherOrderOperator, got {target} which is of type {type(target)}"
                )
            if target in flop_registry:
                raise RuntimeError(f"duplicate registrations for {target}")
            flop_registry[target] = formula
        return formula

    return register


@register_flop_formula(aten.mm)
def mm_flop(a_shape, b_shape, *args, out_shape=None, **kwargs) -> int:
    """Two for each product of two numbers: the product, and its part of the sum."""
    if a_shape[1] != b_shape[0]:
        raise AssertionError(f"matmul: inner dimensions must match (k == k2), got {a_shape[1]} and {b_shape[0]}")
    return 2 * a_shape[0] * a_shape[1] * b_shape[1]


@register_flop_formula(aten.addmm)
def addmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """As `mm_flop`: sums are not counted."""
    return mm_flop(a_shape, b_shape)


@register_flop_formula(aten.bmm)
def bmm_flop(a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """As `mm_flop`, for each matrix."""
    if a_shape[0] != b_shape[0]:
        raise AssertionError(f"bmm: batch dimensions must match (b == b2), got {a_shape[0]} and {b_shape[0]}")
    return a_shape[0] * mm_flop(a_shape[1:], b_shape[1:])


@register_flop_formula(aten.baddbmm)
def baddbmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs) -> int:
    """As `bmm_flop`."""
    return bmm_flop(a_shape, b_shape)


def conv_flop_count(x_shape, w_shape, out_shape, transposed=False) -> int:
    """Two for each weight at each position: of the result, or of the input if transposed."""
    return 2 * x_shape[0] * prod((x_shape if transposed else out_shape)[2:]) * prod(w_shape)


@register_flop_formula(aten.convolution)
def conv_flop(
    x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, *args, out_shape=None, **kwargs
) -> int:
    """A convolution."""
    return conv_flop_count(x_shape, w_shape, out_shape, transposed)


@register_flop_formula(aten.convolution_backward)
def conv_backward_flop(
    grad_out_shape, x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, _output_padding, _groups, output_mask,
    out_shape, **kwargs,
) -> int:  # fmt: skip
    """The convolutions that give the gradients of the input and of the weight."""
    turned = lambda shape: [shape[1], shape[0], *shape[2:]]
    count = 0
    if output_mask[0]:
        count += conv_flop_count(grad_out_shape, w_shape, x_shape, not transposed)
    if output_mask[1]:
        parts = (grad_out_shape, x_shape) if transposed else (x_shape, grad_out_shape)
        count += conv_flop_count(*map(turned, parts), turned(w_shape))
    return count


def sdpa_flop_count(query_shape, key_shape, value_shape) -> int:
    """The two products of attention; a causal mask spares none."""
    b, h, s_q, d_q = query_shape
    s_k, d_v = key_shape[2], value_shape[3]
    return bmm_flop((b * h, s_q, d_q), (b * h, d_q, s_k)) + bmm_flop((b * h, s_q, s_k), (b * h, s_k, d_v))


class FlopCounterMode:
    """A block in which operations are counted, by module and by function.

    Args:
        mods: not needed.
        depth: how many levels of modules the table shows; None: all.
        display: print the table at the end.
        custom_mapping: {function of `torch.ops`: formula}; it comes before `register_flop_formula`'s.

    Differs from torch: attention and LSTMs are counted as their matrix products everywhere, as PyTorch's on the meta device;
    PyTorch's own kernels for them on the CPU are not counted there.

    >>> from jtorch.utils.flop_counter import FlopCounterMode
    >>> with FlopCounterMode():
    ...     y = torch.nn.Linear(100, 200)(torch.ones(50, 100))
    Module              FLOP    % Total
    -------------  ---------  ---------
    Linear         2000.000K    100.00%
     - aten.addmm  2000.000K    100.00%
    """

    def __init__(self, mods=None, depth=2, display=True, custom_mapping=None):
        if mods is not None:
            warnings.warn("mods argument is not needed anymore, you can stop passing it", stacklevel=2)
        self.flop_counts = defaultdict(lambda: defaultdict(int))
        self.depth, self.display = depth, display
        own = {k: f if getattr(f, "_get_raw", False) else shape_wrapper(f) for k, f in (custom_mapping or {}).items()}
        self.flop_registry = {**flop_registry, **own}
        self._named = {}
        self.mod_tracker = ModuleTracker()

    def get_total_flops(self) -> int:
        """The operations of all functions."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict:
        """{name of a module or "Global": {function of `torch.ops`: operations}}"""
        return {name: dict(found) for name, found in self.flop_counts.items()}

    def __enter__(self):
        self.flop_counts.clear()
        self.mod_tracker.__enter__()
        self._named = {k.__name__: k for k in self.flop_registry if k.namespace == "aten"}
        _running.append(self)
        _watch_lines_and_ops()
        return self

    def __exit__(self, *exc):
        _running.remove(self)
        _watch_lines_and_ops()
        self.mod_tracker.__exit__(*exc)
        if self.display:
            print(self.get_table(self.depth))

    def count(self, packet, args, kwargs, out, times=1) -> None:
        """Add the operations of a call of a function."""
        found = times * self.flop_registry[packet](*args, **kwargs, out_val=out)
        for name in self.mod_tracker.parents:
            self.flop_counts[name][packet] += found

    def count_line(self, call, in_types, out_types) -> None:
        """Add the operations of a recorded line."""
        times, products = products_of(call, in_types, out_types)
        for name, *parts in products:
            packet, args, kwargs, out = getattr(aten, name), parts, {}, None
            if name == "convolution":
                x, w, bias, transposed, out = parts
                args = x, w, bias, None, None, None, transposed, None, None
            elif name == "convolution_backward":
                grad, x, w, transposed, mask = parts
                args = grad, x, w, None, None, None, None, transposed, None, None, mask
            self.count(packet, args, kwargs, out, times)
        packet = None if isinstance(call, Pullback) else self._named.get(call.name)
        if packet is not None and packet not in _BUILT_IN:
            out = Size(out_types[0].shape) if len(out_types) == 1 else [Size(t.shape) for t in out_types]
            self.count(packet, [Size(t.shape) for t in in_types if not t.number], call.consts, out)

    def get_table(self, depth=None) -> str:
        """The counts as a table."""
        depth = self.depth if depth is None else depth
        total, whole = (
            self.get_total_flops(),
            False,
        )  # whether one module has all operations: the total needs no row then
        suffix = max(0, min(4, (len(str(total)) - 2) // 3))
        rows = []
        for name in sorted(self.flop_counts):
            level = name.count(".") + 1
            if name != "Global" and (depth is None or level <= depth):
                rows += self._rows(name, level - 1, suffix)
                whole |= sum(self.flop_counts[name].values()) >= total
        if "Global" in self.flop_counts and not whole:
            rows = self._rows("Global", 0, suffix) + [(" " + name, *rest) for name, *rest in rows]
        return _as_table(rows or [("Global", "0", "0%")])

    def _rows(self, name, indent, suffix):
        total, found = self.get_total_flops(), self.flop_counts[name]
        named = {name: sum(found.values()), **{f" - {packet}": n for packet, n in found.items()}}
        shown = lambda n: f"{n / 1000**suffix:.3f}{' KMBT'[suffix]}" if suffix else f"{n:g}"
        return [(" " * indent + k, shown(n), f"{n / total:.2%}" if total else "0%") for k, n in named.items()]


def _as_table(rows):
    heads = ("Module", "FLOP", "% Total")
    widths = [
        max(len(head) + 2, *map(len, column)) for head, column in zip(heads, zip(*rows, strict=True), strict=True)
    ]
    lines = [heads, ["-" * w for w in widths], *rows]
    return "\n".join(
        "  ".join([name.ljust(widths[0]), *(part.rjust(w) for part, w in zip(rest, widths[1:], strict=True))])
        for name, *rest in lines
    )


_BUILT_IN = {*flop_registry}
_running: list[FlopCounterMode] = []


def _watch_lines_and_ops():
    watch_recorded(_count_line if _running else None)
    watch_custom_ops(_count_custom if _running else None)


def _count_line(call, in_types, out_types):
    for counter in _running:
        counter.count_line(call, in_types, out_types)


def _count_custom(name, function, args, kwargs):
    """Run a custom op, whose own lines are counted unless it has a formula."""
    packet = getattr(getattr(ops, name.partition("::")[0]), name.partition("::")[2])
    counters = [c for c in _running if packet in c.flop_registry]
    if not counters:
        return function(*args, **kwargs)
    for c in counters:
        _running.remove(c)
    try:
        out = function(*args, **kwargs)
    finally:
        _running.extend(counters)
    for c in counters:
        c.count(packet, args, kwargs, out)
    return out
