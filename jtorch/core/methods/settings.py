"""Process-wide defaults: dtype, device, matrix precision, threads, determinism."""

from __future__ import annotations

import os

from jtorch.core import engine
from jtorch.core.facts import determinism, device, devices, dtypes, once, warn_user


def set_default_dtype(d) -> None:
    """New floating-point tensors get this dtype.

    Raises:
        TypeError: not a floating-point dtype.
    """
    before = dtypes.get_default_dtype()
    if d is not before:
        engine.flush()  # what was recorded belongs to the dtype before
    dtypes.set_default_float(d)
    if d is not before:
        engine.forget()


def get_default_device():
    """Where new tensors go when no device is named."""
    return devices.place().device


def set_default_device(device) -> None:
    """New tensors go to this device when none is named."""
    devices.set_default_place(device)


def set_default_tensor_type(t) -> None:
    """PyTorch's old way to set the default dtype (and "cuda" as the default device)."""
    warn_user(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and"
        " torch.set_default_device() as alternatives.",
    )
    if not isinstance(t, str | type):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    name = t if isinstance(t, str) else f"{t.__module__}.{t.__name__}"
    d = dtypes.TENSOR_TYPES.get(name.rsplit(".", 1)[-1])
    if d is None or not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    set_default_dtype(d)
    for kind in devices.KINDS.values():
        if kind.tensor_types and kind.prefix and f".{kind.prefix}" in name:
            devices.set_default_place(device(kind.name))


_precision = {"float32": "highest"}


def set_float32_matmul_precision(precision: str) -> None:
    """How float32 matrix products are computed on an accelerator: "highest", "high" or "medium"."""
    if precision not in ("highest", "high", "medium"):
        warn_user(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the currentsetFloat32MatmulPrecision call has no effect.",
        )
        return
    _precision["float32"] = precision
    engine.set_precision("matmul", {"highest": "highest", "high": "tensorfloat32", "medium": "bfloat16"}[precision])


def get_float32_matmul_precision() -> str:
    """How float32 matrix products are computed on an accelerator."""
    return _precision["float32"]


def set_warn_always(b: bool) -> None:
    """Let the warnings that come once in a process come each time, from now on.

    Raises:
        RuntimeError: `b` is not a bool.

    Source: https://pytorch.org/docs/stable/generated/torch.set_warn_always.html

    >>> torch.set_warn_always(False)
    """
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    once.warn_always(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was given.

    Source: https://pytorch.org/docs/stable/generated/torch.is_warn_always_enabled.html

    >>> torch.is_warn_always_enabled()
    False
    """
    return once.warns_always()


_threads = {"intra": None, "inter": None}


def set_num_threads(n: int) -> None:
    """Accepted: XLA decides how many threads it uses."""
    if n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _threads["intra"] = n


def get_num_threads() -> int:
    """What `set_num_threads` was given, or the number of cores."""
    return _threads["intra"] or os.cpu_count()


def set_num_interop_threads(n: int) -> None:
    """Accepted: XLA decides how many threads it uses."""
    _threads["inter"] = n


def get_num_interop_threads() -> int:
    """What `set_num_interop_threads` was given, or the number of cores."""
    return _threads["inter"] or get_num_threads()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """On the CPU everything is deterministic; on a GPU see XLA's xla_gpu_deterministic_ops. With it, memory that nobody has
    written holds NaN, the largest integer or True, unless `torch.utils.deterministic.fill_uninitialized_memory` is off.

    Source: https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html

    >>> torch.use_deterministic_algorithms(True)
    >>> torch.empty(2)
    tensor([nan, nan])
    >>> torch.use_deterministic_algorithms(False)
    """
    for where, given in (("'mode' (position 1)", mode), ("'warn_only'", warn_only)):
        if not isinstance(given, bool):
            raise TypeError(
                f"_set_deterministic_algorithms(): argument {where} must be bool, not {type(given).__name__}"
            )
    determinism.settings["deterministic"], determinism.settings["warn_only"] = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was given."""
    return determinism.settings["deterministic"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was given `warn_only=True`."""
    return determinism.settings["warn_only"]


_DEBUG_MODES = {"default": 0, "warn": 1, "error": 2}


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` as one number: 0 "default" is off, 1 "warn" warns only, 2 "error" is on."""
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = _DEBUG_MODES[debug_mode]
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """The number that `set_deterministic_debug_mode` takes."""
    return determinism.settings["deterministic"] * (1 if determinism.settings["warn_only"] else 2)


def set_flush_denormal(mode: bool) -> bool:
    """False: XLA decides about denormal numbers."""
    return False
