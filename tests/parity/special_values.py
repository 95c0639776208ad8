"""Where NaN, infinities and zeros of either sign go: what each operator makes of them."""

import itertools
from unittest import mock

import numpy as np
import torch
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, ReductionOpInfo, UnaryUfuncInfo

from jtorch.core.engine import policy
from tests.parity import outcomes
from tests.parity.entries import ENTRIES, called

VALUES = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0, 0.5, -2.5, 1e4, -1e4, 88.0], "f4")
PAIRS = np.array(list(itertools.product(VALUES, VALUES)), "f4").T.copy()
# Rows with one or two special values among plain ones, rows of special values only, and rows of zeros
ROWS = np.array(
    [[a, b, 1.0, -2.0] for a, b in PAIRS.T]
    + [[1.0, a, b, a] for a, b in PAIRS.T]
    + [[a, b, a, b] for a, b in PAIRS.T]
    + [[-2.0, a, 0.0, b] for a, b in PAIRS.T],
    "f4",
)
_NN = "nn.functional."
# name -> the arguments after the rows
ALONG_ROWS = {
    "sort": (1,), "argsort": (1, False), "msort": (), "topk": (2, 1), "kthvalue": (2, 1), "median": (1,), "nanmedian": (1,),
    "mode": (1,), "cumsum": (1,), "cumprod": (1,), "cummax": (1,), "cummin": (1,), "logcumsumexp": (1,), "logsumexp": (1,),
    "max": (1,), "min": (1,), "aminmax": (), "argmax": (1,), "argmin": (1,), "diff": (), "isnan": (), "softmax": (1,),
    "log_softmax": (1,), "nan_to_num": (), "clamp": (-1.0, 1.0), "clip": (0.0, 0.0), "clamp_min": (0.0,),
    "clamp_max": (-0.0,), "norm": (2, 1), "unique_consecutive": (), "count_nonzero": (1,), "nonzero": (), "trapezoid": (),
    "quantile": (0.5, 1), "nanquantile": (0.5, 1), "bucketize": (torch.tensor([-1.0, 0.0, 1.0]),), 
    "renorm": (2, 0, 1.0), "var_mean": (1,), "std_mean": (1,),
    _NN + "softmin": (1,), _NN + "normalize": (), _NN + "layer_norm": ((4,),), _NN + "rms_norm": ((4,),),
    _NN + "max_pool1d": (2,), _NN + "avg_pool1d": (2,), _NN + "lp_pool1d": (2.0, 2), _NN + "adaptive_max_pool1d": (2,),
    _NN + "adaptive_avg_pool1d": (2,), _NN + "hardtanh": (), _NN + "relu6": (), _NN + "threshold": (0.0, 0.0),
    _NN + "hardshrink": (), _NN + "softshrink": (), _NN + "glu": (), _NN + "leaky_relu": (), _NN + "elu": (),
    _NN + "selu": (), _NN + "celu": (), _NN + "gelu": (), _NN + "silu": (), _NN + "mish": (), _NN + "softplus": (),
    _NN + "softsign": (), _NN + "tanhshrink": (), _NN + "logsigmoid": (), _NN + "hardsigmoid": (), _NN + "hardswish": (),
}  # fmt: skip
_LEFT_OUT = (
    "chalf",
    "nn.functional.prelu",
)  # a dtype that is not here; an entry that cannot be called with other arguments


def special_cases():
    """{id: a function of the library that gives a result}"""
    made = {}
    for name, entry in ENTRIES.items():
        if name in _LEFT_OUT or torch.float32 not in entry.supported_dtypes("cpu") or entry.variant_test_name:
            continue
        if isinstance(entry, UnaryUfuncInfo):
            sample = next(iter(entry.sample_inputs("cpu", torch.float32)))
            made[name] = lambda T, e=entry, s=sample: called(T, e)(_tensor_of(T, VALUES), *s.args, **s.kwargs)
        elif isinstance(entry, BinaryUfuncInfo):
            made[name] = lambda T, e=entry: called(T, e)(*(_tensor_of(T, x) for x in PAIRS))
        elif isinstance(entry, ReductionOpInfo):
            made[name] = lambda T, e=entry: called(T, e)(_tensor_of(T, ROWS), dim=1)
    for name, more in ALONG_ROWS.items():
        made[f"{name} of rows"] = lambda T, n=name, m=more: _along_rows(T, n, m)
    return made


def _tensor_of(T, array):
    return T.from_numpy(array.copy())


def _along_rows(T, name, more):
    function = T
    for part in name.split("."):
        function = getattr(function, part)
    return function(
        _tensor_of(T, ROWS), *(_tensor_of(T, m.numpy()) if isinstance(m, torch.Tensor) else m for m in more)
    )


def number_kinds(array):
    """The kind of each number: NaN, an infinity, or the sign of it; of whole numbers the numbers themselves.

    Subnormal numbers are not among the values, and as results count as zeros: XLA computes without them.
    """
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], -1)
    if array.dtype.kind != "f":
        return array
    sign = np.where(np.signbit(array), -1, 1)
    small = abs(array) < np.finfo(array.dtype).tiny
    return np.where(np.isnan(array), 9, np.where(np.isinf(array), 3, np.where(small, 1, 2)) * sign)


def ways_that_differ(T, case):
    """The first difference of each way of running a case from PyTorch's result, as text."""
    theirs = _computed(torch, case)
    found = {}
    for way, mine in (("line by line", _computed(T, case)), ("as a program", _computed_as_program(T, case))):
        for x, y in zip(mine, theirs, strict=True):
            a, b = number_kinds(x), number_kinds(y)
            if a.shape != b.shape or not (a == b).all():
                at = tuple(np.argwhere(a != b)[0]) if a.shape == b.shape else ()
                found.setdefault(
                    way, f"{x[at]} instead of {y[at]} at {[int(i) for i in at]}" if at else "another shape"
                )
    return found


def _computed(T, case):
    return [outcomes.array(T, t) for t in outcomes.leaves(T, case(T))]


def _computed_as_program(T, case):
    """Compiled, with a line that reads the first result: a trace of one line is never a program."""
    with mock.patch.object(policy.Policy, "compiles", return_value=True):
        results = outcomes.leaves(T, case(T))
        seen = results[0].reshape(-1)
        return [outcomes.array(T, t) for t in (*results, seen)][:-1]
