"""`out=`: writing the result of an op into a tensor that the user gives. Registered with `jtorch.core.op.handlers`.

Some of PyTorch's ops refuse an `out` of another dtype, each with its own text; others accept it. out_dtypes.json lists
them: `python -m tests.make out_dtypes` asks PyTorch and writes it.
"""

from __future__ import annotations

import builtins
import json
from functools import cache
from pathlib import Path

from jtorch.core.engine import Lifted
from jtorch.core.facts import dtypes, warn_user
from jtorch.core.facts import strides as geometry
from jtorch.core.op.handlers import handlers
from jtorch.core.tensor import Tensor, cast, check_apart, check_undifferentiated, write_result

_USUAL = "RuntimeError: result type {wanted} can't be cast to the desired output type {given}"


def store(out, result, name, op=None, given=None, i=None, rule=None):
    """Write the result of a function to `out`, which takes its shape. Returns `out`.

    Args:
        name: the function's name in PyTorch's errors and in out_dtypes.json.
        op, given: where an op made the result, the op and its arguments by parameter.
        i: the number of the result, where the function has several.
        rule: its name in out_dtypes.json, where it differs.
    """
    if isinstance(result, tuple):
        for i, (o, r) in enumerate(zip(out, result, strict=True)):
            store(o, r, name, op, given, i, rule)
        return type(result)(out) if type(result) is not tuple else tuple(out)
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    check_undifferentiated(name, out, (result,))
    _check_level(result, name)
    if geometry.may_overlap(out.shape, out.stride()):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    elementwise = op is not None and op.strides == "elementwise"
    if given and (op.overlap == "none" or elementwise):
        check_apart(op.overlap, out, [given[n] for n, kind, _ in op.params if kind != "const"])
    key = (rule or name) + ("" if i is None else f".{i}")
    if out.dtype is not result.dtype:
        result = _in_dtype_of(out, result, key, op, given)
    if out.shape != result.shape:
        _resize(out, result, None if key in _rules()["contiguous"] else tuple(result.stride()))
    return write_result(out, result)


def _check_level(result, name):
    lifted = result._storage.value
    if lifted.__class__ is Lifted and lifted.level.title == "Batch":
        raise RuntimeError(
            f"Batching rule not implemented for aten::{name}.out; the fallback path doesn't work on out= or view ops."
        )
    if lifted.__class__ is Lifted:
        raise NotImplementedError(
            f"Trying to use forward AD with {name}_out that does not support it because it is an out= function"
        )


def _in_dtype_of(out, result, key, op, given):
    """The result in the dtype of `out`, if PyTorch takes an `out` of this dtype."""
    held, (refused, lossy, taken) = dtypes.can_cast(result.dtype, out.dtype), _rule(key)
    if out.dtype.name not in taken and (refused if held else lossy):
        kind, _, text = (refused if held else lossy).partition(": ")
        of = {"given": out.dtype, "wanted": result.dtype}
        words = {k: d.scalar_name for k, d in of.items()} | {f"{k}_c": d.cname for k, d in of.items()}
        raise getattr(builtins, kind)(text.format(**words))
    if not held and given and given.get("dtype", out) is None:
        return op.public(**{n: given[n] for n, _, _ in op.params} | {"dtype": out.dtype})
    return cast(result, out.dtype)


@cache
def _rule(key):
    """(error for a dtype that can hold the result, error for one that cannot, dtypes that are accepted anyway)."""
    table = _rules()
    refused = next((text for text, keys in table["refused"].items() if key in keys), "")
    lossy = next((text for text, keys in table["lossy"].items() if key in keys), refused or _USUAL)
    return refused, "" if key in table["written"] else lossy, table["taken"].get(key, ())


@cache
def _rules():
    return json.loads((Path(__file__).parent / "out_dtypes.json").read_text())


def _resize(out, result, strides):
    """Give `out` the shape of the result."""
    if out.numel():
        warn_user(
            f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
            f"match the required output shape {list(result.shape)}. This behavior is deprecated, and in a future "
            "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse "
            "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
        )
    version, edge = out._version, out._edge
    out._resize_view(tuple(result.shape), strides=strides)
    out._edge = edge
    (out._counter or out._storage).version = version


handlers.store = store
