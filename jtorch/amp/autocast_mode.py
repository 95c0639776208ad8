"""`autocast`: inside it, an op declared with `autocast=` is recorded as the same op with its inputs cast first.

"low" casts to the region's type; "float32" to float32, unless the call names a dtype; "widest" to the widest type among
the inputs; "banned" refuses. An op that says nothing runs in the types that it is given.

While autocast is on, the traces of this thread record each call through `_cast_call`. While it is off, they record as
usual, so autocast costs nothing. The cast is part of the op's own line: the gradient has the input's dtype, and XLA casts
a weight once even if two ops cast it.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Iterable, Mapping

from jtorch.core.engine import TRACED, Call, local, trace_watchers, type_of
from jtorch.core.facts import KINDS, device, dtypes
from jtorch.core.op import autocast_by
from jtorch.core.tensor import Tensor

BANNED = (
    "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
    "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
    "In this case, combine the two layers using torch.nn.functional.binary_cross_entropy_with_logits\n"
    "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\n"
    "safe to autocast."
)


class _AutocastState(threading.local):
    def __init__(self):
        self.on: dict[str, bool] = {}  # of the kinds that were switched
        self.dtypes = {name: kind.autocast for name, kind in KINDS.items() if kind.autocast is not None}
        self.cache = True
        self.depth = 0


_state = _AutocastState()


# ---- the switches


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast works on this kind of device."""
    return device(_as_text(device_type, "_is_autocast_available")).type in _state.dtypes


def _as_text(device_type, function):
    if not isinstance(device_type, str):
        kind = type(device_type).__name__
        raise TypeError(f"{function}(): argument 'device_type' (position 1) must be str, not {kind}")
    return device_type


def _supported(device_type, function, refusal):
    """The type of device, if autocast knows it; else PyTorch's error: `refusal`, or that of an unknown device string."""
    if device_type in _state.dtypes:
        return device_type
    kind = device(_as_text(device_type, function)).type
    if kind not in _state.dtypes:
        raise RuntimeError(refusal)
    return kind


_NO_KEY = "unknown device type for autocast in get_autocast_dispatch_key_from_device_type"
_NO_DTYPE = "unsupported scalarType"


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for this kind of device."""
    return _state.on.get(_supported(device_type, "is_autocast_enabled", _NO_KEY), False)


def set_autocast_enabled(device_type, enabled=None) -> None:
    """Turn autocast on or off for a device type; for "cuda" if only a bool is given."""
    device_type, enabled = (device_type, enabled) if enabled is not None else ("cuda", device_type)
    _state.on[_supported(device_type, "set_autocast_enabled", _NO_KEY)] = bool(enabled)
    autocast_by(_cast_tensors)
    for trace in local.traces.values():
        trace.__dict__.pop("record", None)
        _record_casts(trace)


def casts_now() -> bool:
    """Whether autocast is on in this thread, for any kind of device."""
    return any(_state.on.values())


def _record_casts(trace):
    """Let a trace record through `_cast_call`, if autocast is on."""
    if casts_now():
        _record_with(trace)


trace_watchers.append(_record_casts)


def get_autocast_dtype(device_type: str):
    """The dtype in which "low" ops run on this kind of device."""
    return _state.dtypes[_supported(device_type, "get_autocast_dtype", _NO_DTYPE)]


def set_autocast_dtype(device_type: str, dtype) -> None:
    """Set the dtype in which "low" ops run on this kind of device."""
    _state.dtypes[_supported(device_type, "set_autocast_dtype", _NO_DTYPE)] = dtype


def is_autocast_cache_enabled() -> bool:
    """Whether the cache is switched on. The switch has no effect: XLA casts a weight once by itself."""
    return _state.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Accepted, and has no effect: there is no cache."""
    _state.cache = bool(enabled)


def clear_autocast_cache() -> None:
    """Accepted, and has no effect: there is no cache."""


def autocast_increment_nesting() -> int:
    """Count one more open region."""
    _state.depth += 1
    return _state.depth


def autocast_decrement_nesting() -> int:
    """Count one open region fewer."""
    _state.depth -= 1
    return _state.depth


def _of_device(name, function, device_type):
    """A function of a device type under its older name, for one device type."""

    given = "" if name[:3] != "set" else "dtype" if name.endswith("dtype") else "enabled"
    now = ", ".join([repr(device_type), *given.split()])
    text = f"torch.{name}({given}) is deprecated. Please use torch.{function.__name__}({now}) instead."

    def made(*args):
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return function(device_type, *args)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = f'`{function.__name__}("{device_type}", ...)` by its older name.'
    return made


is_autocast_cpu_enabled = _of_device("is_autocast_cpu_enabled", is_autocast_enabled, "cpu")
set_autocast_cpu_enabled = _of_device("set_autocast_cpu_enabled", set_autocast_enabled, "cpu")
get_autocast_cpu_dtype = _of_device("get_autocast_cpu_dtype", get_autocast_dtype, "cpu")
get_autocast_gpu_dtype = _of_device("get_autocast_gpu_dtype", get_autocast_dtype, "cuda")
set_autocast_cpu_dtype = _of_device("set_autocast_cpu_dtype", set_autocast_dtype, "cpu")
set_autocast_gpu_dtype = _of_device("set_autocast_gpu_dtype", set_autocast_dtype, "cuda")


def autocast_settings():
    """[(device type, on or off, dtype, whether casts are cached)] of the kinds that were switched."""
    return [(device, on, _state.dtypes[device], _state.cache) for device, on in _state.on.items()]


# ---- the region


class autocast:
    """Run each op in the dtype that suits it: matrix products in half precision, sums and losses in float32.

    Args:
        device_type: "cpu" or "cuda": ops on such tensors are cast.
        dtype: the half-precision dtype; default: bfloat16 on the CPU, float16 on a GPU.
        enabled: False: cast nothing inside.
        cache_enabled: accepted; XLA casts a weight once.

    Differs from torch: the cast is part of the op's node in the graph, and an op with `out=` or in place is cast, too.

    >>> x = torch.ones(2, 2)
    >>> with torch.autocast("cpu"):
    ...     (x @ x).dtype, (x + x).dtype
    (torch.bfloat16, torch.float32)
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        default = get_autocast_dtype(device_type)
        self.fast_dtype = default if dtype is None else dtype
        self.device = _supported(device_type, "autocast", _NO_KEY)
        self._cache_enabled = _state.cache if cache_enabled is None else cache_enabled
        self._enabled = enabled and self._possible()

    def _possible(self):
        kind = KINDS[self.device]
        if kind.autocast_absent and not kind.available():
            warnings.warn(kind.autocast_absent, stacklevel=3)
            return False
        if kind.autocast_dtypes and self.fast_dtype not in kind.autocast_dtypes:
            name = kind.name.upper()
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of {', '.join(map(str, kind.autocast_dtypes))} currently.",
                stacklevel=3,
            )
            return False
        return True

    def __enter__(self):
        self.prev_cache_enabled = _state.cache
        self.prev = is_autocast_enabled(self.device)
        self.prev_fastdtype = get_autocast_dtype(self.device)
        set_autocast_dtype(self.device, self.fast_dtype)
        set_autocast_enabled(self.device, self._enabled)
        autocast_increment_nesting()
        set_autocast_cache_enabled(self._cache_enabled)
        return self

    def __exit__(self, *exc):
        autocast_decrement_nesting()
        set_autocast_dtype(self.device, self.prev_fastdtype)
        set_autocast_enabled(self.device, self.prev)
        set_autocast_cache_enabled(self.prev_cache_enabled)
        return False

    def __call__(self, func):
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as a context manager? "
                "For example:\n    with torch.autocast(device_type=...):\n        output = model(input)"
            )
        return autocast_decorator(self, func)


def autocast_decorator(autocast_instance, func):
    """`func`, run inside autocast."""

    @functools.wraps(func)
    def decorate_autocast(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


def _record_with(trace):
    """Make a trace cast the inputs of each call as its op asks."""
    record = type(trace).record

    def casting(call, inputs):
        return record(trace, _cast_call(call, inputs), inputs)

    trace.record = casting


def _cast_call(call, inputs):
    """The call itself, or the same call with its inputs cast."""
    op = getattr(call, "op", None)
    if op is None or op.autocast is None or call.__class__ is _CastCall:
        return call
    for device_type, on in _state.on.items():
        rule = rule_of(op, device_type) if on else None
        if rule is None:
            continue
        types = [v.type if _eligible(v.type, device_type) else None for v in inputs]
        if not any(types):
            continue
        if rule == "banned":
            raise RuntimeError(BANNED)
        target = _target_dtype(rule, _state.dtypes[device_type], types, call)
        targets = tuple([target if t is not None and t.dtype is not target else None for t in types])
        if target is not None and any(targets):
            return _interned(call, targets)
    return call


def rule_of(op, device_type):
    """What autocast does with an op on a type of device; None: nothing."""
    return _rule_for(op.autocast, device_type)


def _rule_for(rule, device_type):
    return rule.get(device_type) if isinstance(rule, dict) else rule


def _cast_tensors(rule, tensors):
    """The tensors among these values cast as an op of this rule casts them, each by a node of its own."""
    tensors = list(tensors)
    for device_type, on in _state.on.items():
        named = _rule_for(rule, device_type) if on else None
        if named not in (None, "banned"):
            types = [t._type if isinstance(t, Tensor) and _eligible(t._type, device_type) else None for t in tensors]
            target = _target_dtype(named, _state.dtypes[device_type], types, None)
            tensors = [t if d is None else t.to(target) for t, d in zip(tensors, types, strict=True)]
    return tensors


def _eligible(t, device_type):
    return (
        not t.number
        and t.place is not None
        and t.dtype.is_floating_point
        and t.dtype is not dtypes.float64
        and (t.place.device.type == device_type or t.place is TRACED)
    )


def _target_dtype(rule, low, types, call):
    if rule == "low":
        return low
    if rule == "float32":
        return dtypes.float32 if call is None or call.consts.get("dtype") is None else None
    return dtypes.float32 if any(t is not None and t.dtype is dtypes.float32 for t in types) else low


_calls: dict = {}


def _interned(call, targets):
    found = _calls.get((call, targets))
    if found is None:
        found = _calls[call, targets] = _CastCall(call, targets)
    return found


class _CastCall(Call):
    """A call that first casts its inputs to `targets`; None leaves an input as it is."""

    __slots__ = ("inner", "targets")

    def __init__(self, inner, targets):
        super().__init__(None, inner.consts, inner.name, saves=inner.saves)
        self.inner = inner
        self.targets = targets

    op = property(lambda self: self.inner.op)
    structure = property(lambda self: self.inner.structure)

    def _cast(self, types):
        pairs = zip(types, self.targets, strict=True)
        return tuple([t if d is None else type_of(t.shape, d, t.place, t.strides) for t, d in pairs])

    def _infer(self, types):
        return self.inner.infer(self._cast(types))

    def grad_fn(self, types):
        return self.inner.grad_fn(self._cast(types))

    def pullback(self, types, needs, given):
        if self.grad_fn(types) == "NotImplemented":
            return self.inner.pullback(self._cast(types), needs, given)  # raises
        return super().pullback(types, needs, given)

    def bind(self, types):
        fn, targets = self.inner.bind(self._cast(types)), self.targets
        return lambda *arrays: fn(*[a if d is None else a.astype(d.np) for a, d in zip(arrays, targets, strict=True)])


# ---- autograd.Function


def _cast_nested(value, device_type, dtype):
    """A value with the tensors in it cast to another dtype, if autocast would cast them."""
    if isinstance(value, Tensor):
        return value.to(dtype) if _eligible(value._type, device_type) else value
    if isinstance(value, Mapping):
        return {_cast_nested(k, device_type, dtype): _cast_nested(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, str | bytes) or not isinstance(value, Iterable) or hasattr(value, "__array__"):
        return value
    made = (_cast_nested(v, device_type, dtype) for v in value)
    return type(value)(made) if isinstance(value, list | tuple) else made


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """Decorate the forward of an `autograd.Function` for use under autocast.

    Args:
        device_type: as autocast's.
        cast_inputs: cast the tensors to this type, and run with autocast off; None: run with autocast as it is.
    """
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args, **kwargs):
        on = is_autocast_enabled(device_type)
        args[0]._dtype = get_autocast_dtype(device_type)
        args[0]._fwd_used_autocast = on and cast_inputs is None
        if cast_inputs is None or not on:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(*_cast_nested(args, device_type, cast_inputs), **_cast_nested(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd=None, *, device_type):
    """Decorate the backward of an `autograd.Function`: it runs with autocast as its forward did."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args, **kwargs):
        with autocast(device_type=device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorate_bwd
