"""The comparisons: each probe runs one sample of an entry under one library and returns what it observed.

That is a list of (name, value, dtype). Arrays are compared with the tolerance of the dtype, everything else by equality.
"""

import warnings
from unittest import mock

import numpy as np
import torch

from jtorch.core.engine import policy
from tests.parity import outcomes
from tests.parity.converting import OURS, Converter
from tests.parity.entries import called, variant

# memory that nobody has written
UNWRITTEN = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided", "empty_permuted", "resize")

# PyTorch does not check `out`, and writes beyond its memory
UNCHECKED = ("lu_unpack", "linalg.lu")


class Case:
    """A sample of an entry as objects of the library `T`."""

    def __init__(self, T, entry, sample, shared=False):
        self.T, self.entry = T, entry
        convert = Converter(T, shared)
        self.input, self.args, self.kwargs = convert(sample.input), convert(sample.args), convert(sample.kwargs)
        self.process = convert(sample.output_process_fn_grad)
        self.unwritten = entry.name.startswith(UNWRITTEN)
        self.inputs = [x for x in outcomes.leaves(T, [self.input, self.args, self.kwargs]) if isinstance(x, T.Tensor)]
        self.function = called(T, entry)
        T.manual_seed(0)

    def run(self, function=None, **more):
        return (function or self.function)(self.input, *self.args, **self.kwargs, **more)

    def tensors(self, result):
        return [x for x in outcomes.leaves(self.T, result) if isinstance(x, self.T.Tensor)]

    def arrays(self, what, tensors, near=None):
        """Their values, dtypes and shapes. `near`: the dtype whose tolerance float64 has, where it holds rounder numbers."""
        seen = [(f"{what}s", len(tensors), None)]
        for i, t in enumerate(tensors):
            dtype, shape = outcomes.dtype_and_shape(self.T, t)
            seen += [(f"{what} {i} form", (dtype, shape), None)]
            if not self.unwritten:
                seen += [(f"{what} {i}", outcomes.array(self.T, t), near or dtype if "64" in dtype else dtype)]
        return seen


def value(case):
    """Values, dtypes and shapes."""
    result = case.run()
    plain = [x for x in outcomes.leaves(case.T, result) if not isinstance(x, case.T.Tensor)]
    plain = [x if isinstance(x, bool | int | str | float | complex) else str(x) for x in plain]
    forms = [
        (f"result {i} form", outcomes.dtype_and_shape(case.T, t), None) for i, t in enumerate(case.tensors(result))
    ]
    return (
        forms
        + [("plain", np.array(p), "float32") for p in plain]
        + case.arrays("result", case.tensors(case.process(result)))
    )


def strides(case):
    """Strides, and whose memory the results show."""
    inputs = list(case.inputs)
    return [(f"layout {i}", outcomes.layout(case.T, t, inputs), None) for i, t in enumerate(case.tensors(case.run()))]


def _weights(case, t):
    made = np.cos(np.arange(t.numel())).reshape(tuple(t.shape)).astype("float64")
    made = case.T.tensor(made)
    return (made.to(t.dtype) if not t.dtype.is_complex else case.T.complex(made, made * 0.5).to(t.dtype)).detach()


def _sum(case, tensors):
    total = None
    for t in tensors:
        part = (t * _weights(case, t)).sum()
        part = part.real if part.dtype.is_complex else part
        part = part.double()
        total = part if total is None else total + part
    return total


def _gradients(case, create_graph=False):
    results = [t for t in case.tensors(case.process(case.run())) if t.requires_grad]
    wanted = [x for x in case.inputs if x.requires_grad]
    if not results or not wanted:
        return wanted, None
    return wanted, case.T.autograd.grad(_sum(case, results), wanted, allow_unused=True, create_graph=create_graph)


def gradient(case):
    """The gradient of a fixed projection of the results."""
    _, found = _gradients(case)
    if found is None:
        return [("gradients", None, None)]
    unused = [
        g is None and x.numel() > 0 for g, x in zip(found, (x for x in case.inputs if x.requires_grad), strict=True)
    ]
    return [("unused", unused, None), *case.arrays("gradient", [g for g in found if g is not None and g.numel()])]


def second(case):
    """The gradient of a fixed projection of the gradient."""
    wanted, found = _gradients(case, create_graph=True)
    found = [g for g in found or () if g is not None and g.requires_grad]
    if not found:
        return [("gradients", None, None)]
    again = case.T.autograd.grad(_sum(case, found), wanted, allow_unused=True)
    again = [g if g is not None else case.T.zeros_like(x) for g, x in zip(again, wanted, strict=True)]
    noise = 5e-5 * max([np.abs(outcomes.array(case.T, g)).max(initial=1) for g in found])
    if all(np.abs(outcomes.array(case.T, g)).max(initial=0) <= noise for g in again):
        return [("gradients", None, None)]  # of zeros or none: the libraries find it out at different places
    seen = case.arrays("gradient", again)
    return [(n, np.where(abs(v) <= noise, 0, v) if isinstance(v, np.ndarray) else v, d) for n, v, d in seen]


def _fresh(case):
    """A copy of the first tensor that may be written to, with a history where it has a gradient."""
    x = case.input
    return x.clone() if isinstance(x, case.T.Tensor) else [t.clone() for t in x]


def inplace(case):
    """The in-place form: what it returns, what it has written, and its gradient."""
    wanted = [x for x in case.inputs if x.requires_grad]
    written = _fresh(case)
    result = variant(case.T, case.entry, "inplace")(written, *case.args, **case.kwargs)
    seen = [("returns its input", result is written, None), *case.arrays("written", case.tensors(written))]
    if result.requires_grad and wanted:
        found = case.T.autograd.grad(_sum(case, [result]), wanted, allow_unused=True)
        seen += case.arrays("gradient", [g for g in found if g is not None])
    return seen


def out(case):
    """`out=` of the right shape in other strides, of no elements, of integers and of a wider dtype. The text of an error is not
    compared: some ops have two."""
    T, seen = case.T, []
    with T.no_grad():
        expected = case.run()
        many = isinstance(expected, list | tuple)
        for make in (_other_strides, _no_elements, _of_integers, _wider):
            T.manual_seed(0)
            given = [make(T, t) for t in case.tensors(expected)]
            try:
                result = case.run(out=tuple(given) if many else given[0])
            except Exception as error:
                seen.append((f"{make.__name__} raises", type(error).__name__, None))
                continue
            same = all(a is b for a, b in zip(case.tensors(result), given, strict=True))
            shown = case.tensors(case.process(type(expected)(given) if many else given[0]))
            seen += [("returns out", same, None), *case.arrays(make.__name__, shown, near="float32")]
            seen += [("strides", outcomes.layout(T, t, ())[0], None) for t in given]
    return seen


def _other_strides(T, t):
    made = T.zeros(tuple(reversed(t.shape)), dtype=t.dtype)
    return made.permute(*reversed(range(t.dim()))) if t.dim() else made


def _no_elements(T, t):
    return T.zeros((0,), dtype=t.dtype)


def _of_integers(T, t):
    return T.zeros(tuple(t.shape), dtype=T.int32)


def _wider(T, t):
    return T.zeros(tuple(t.shape), dtype=T.complex128 if t.dtype.is_complex else T.float64)


def forward(case):
    """Forward-mode tangents."""
    T, ad = case.T, case.T.autograd.forward_ad
    with ad.dual_level():
        swap = {id(x): ad.make_dual(x.detach(), _weights(case, x)) for x in case.inputs if x.requires_grad}
        result = case.function(
            *[_swapped(T, v, swap) for v in (case.input, *case.args)], **_swapped(T, case.kwargs, swap)
        )
        parts = [ad.unpack_dual(t) for t in case.tensors(case.process(result))]
        tangents = [p.tangent for p in parts]
        seen = [("has tangents", [t is not None for t in tangents], None)]
        return seen + case.arrays("tangent", [t for t in tangents if t is not None])


def _swapped(T, value, swap):
    if isinstance(value, T.Tensor):
        return swap.get(id(value), value)
    if isinstance(value, list | tuple) and not isinstance(value, T.Size):
        return type(value)([_swapped(T, v, swap) for v in value])
    return {k: _swapped(T, v, swap) for k, v in value.items()} if isinstance(value, dict) else value


def _replaced(case, change):
    """Puts `change(x)` in the place of every tensor x of the sample."""
    swap = {id(x): change(x) for x in case.inputs}
    case.input, case.args, case.kwargs = (_swapped(case.T, v, swap) for v in (case.input, case.args, case.kwargs))
    case.inputs = [swap[id(x)] for x in case.inputs]
    case.T.manual_seed(0)


def _results(case):
    """Values, and gradients where an input has one."""
    return value(case) + (gradient(case) if any(x.requires_grad for x in case.inputs) else [])


def strided(case):
    """Values and gradients of inputs that are not contiguous."""
    T = case.T

    def spread(x):
        if x.numel() < 2:
            return x
        wide = T.zeros((*x.shape, 2), dtype=x.dtype)
        wide[..., 1] = x.detach()
        return wide[..., 1].detach().requires_grad_(x.requires_grad)

    _replaced(case, spread)
    return _results(case)


def _results_or_none(case):
    """The same, and of an error only that there is one: with other shapes than the sample's a call may be wrong in several ways."""
    try:
        return _results(case)
    except Exception:
        return [("raises", None, None)]


def without_dims(case):
    """Every tensor is a number."""
    first = lambda x: x.detach().reshape(-1)[:1].reshape(()).clone().requires_grad_(x.requires_grad)
    _replaced(case, lambda x: first(x) if x.numel() else x)
    return _results_or_none(case)


def without_elements(case):
    """The first dimension has no entries: that of the first tensor, and of those as long as it."""
    length = next((len(x) for x in case.inputs if x.dim()), None)
    short = lambda x: x.detach()[:0].clone().requires_grad_(x.requires_grad)
    _replaced(case, lambda x: short(x) if x.dim() and len(x) == length else x)
    return _results_or_none(case)


def whole_program(case):
    """All lines compiled as one program, the backward pass too; the other probes run them one by one."""
    if case.T is not OURS:
        return _results(case)
    with mock.patch.object(policy.Policy, "compiles", return_value=True):
        return _results(case)


def eager(case):
    """One operation at a time; jtorch's own way beside its programs."""
    if case.T is not OURS:
        return _results(case)
    with case.T.eager():
        return _results(case)


def _error(error):
    return type(error).__name__, str(error).split("\nException raised from")[0]


def seen(T, probe, entry, sample, shared=False):
    """What a probe observes, or its exception; warnings are ignored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return probe(Case(T, entry, sample, shared))
        except Exception as error:
            return _error(error)


def difference(mine, theirs):
    """The difference between two lists of observations, as text; empty if there is none."""
    if isinstance(theirs, tuple) or isinstance(mine, tuple):
        return "" if mine == theirs else f"{_short(mine)} instead of {_short(theirs)}"
    for a, b in zip(mine, theirs, strict=False):
        (what, x, dtype), (name, y, _) = a, b
        if what != name:
            return f"{what} instead of {name}"
        text = outcomes.array_difference(x, y, dtype) if isinstance(y, np.ndarray) and isinstance(x, np.ndarray) else ""
        if not isinstance(y, np.ndarray) and x != y:
            text = f"{x} instead of {y}"
        if text:
            return f"{what}: {text}"
    return "" if len(mine) == len(theirs) else f"{len(mine)} things seen instead of {len(theirs)}"


def _short(seen):
    return f"{seen[0]}: {seen[1]}"[:400] if isinstance(seen, tuple) else "a result"


def _doubled(value):
    """The same numbers in double precision."""
    if isinstance(value, torch.Tensor) and value.dtype in _DOUBLE:
        return value.detach().to(_DOUBLE[value.dtype]).requires_grad_(value.requires_grad)
    return value


_DOUBLE = dict.fromkeys((torch.float16, torch.bfloat16, torch.float32), torch.float64) | {
    torch.complex64: torch.complex128
}


def _as_near(mine, theirs, exact):
    """Whether what differs are numbers that are no more than twice as far from the exact ones as PyTorch's."""
    if isinstance(mine, tuple) or isinstance(theirs, tuple) or isinstance(exact, tuple):
        return False
    if len(mine) == 1 and mine == exact:  # zeros, where PyTorch has what is left by rounding
        return True
    if not len(mine) == len(theirs) == len(exact):
        return False
    for (_, x, dtype), (_, y, _), (_, truth, _) in zip(mine, theirs, exact, strict=True):
        if not isinstance(y, np.ndarray):
            if x != y:
                return False
        elif outcomes.array_difference(x, y, dtype) and not outcomes.as_near(x, y, truth, dtype):
            return False
    return True


def compare(probe, entry, sample, shared=False):
    """The difference between jtorch and PyTorch that a probe finds with a sample, as text.

    Of numbers that are rounded otherwise, PyTorch's result for the same numbers in double precision decides.
    """
    theirs = seen(torch, probe, entry, sample, shared)
    mine = seen(OURS, probe, entry, sample, shared)
    text = difference(mine, theirs)
    if text and isinstance(mine, list) and isinstance(theirs, list):
        if _as_near(mine, theirs, seen(torch, probe, entry, sample.transform(_doubled), shared)):
            return ""
    return text


def wrong(case):
    """The error of a wrong call, or what it gives."""
    return case.arrays("result", case.tensors(case.run()))
