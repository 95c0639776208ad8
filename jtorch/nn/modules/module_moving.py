"""`Module.to`: moves a module's tensors to another device, dtype or memory format.

A parameter stays the same object, so an optimizer that holds it keeps working. `Tensor.to` moves each tensor.
"""

from __future__ import annotations

import warnings

from jtorch.__future__ import get_overwrite_module_params_on_conversion, get_swap_module_params_on_conversion
from jtorch.core.facts import OF_PYTHON
from jtorch.core.facts import device as Device
from jtorch.core.facts import dtype as Dtype
from jtorch.core.grad import no_grad
from jtorch.core.methods import swap_tensors
from jtorch.core.tensor import Tensor
from jtorch.nn.parameter import Parameter, is_lazy

_TO_SIGNATURES = {
    Tensor: ("tensor", "non_blocking", "copy"),
    Dtype: ("dtype", "non_blocking", "copy"),
    Device: ("device", "dtype", "non_blocking", "copy"),
}


def mover(args, kwargs):
    """The function that moves one tensor as `Module.to(*args, **kwargs)` does.

    Raises:
        TypeError: arguments that `to` does not take, or a dtype that is neither floating point nor complex.
    """
    device, dtype, non_blocking, memory_format = parse_to(args, kwargs)
    if dtype is not None:
        _check_dtype(dtype)

    def move(tensor):
        wanted = dtype if tensor.is_floating_point() or tensor.is_complex() else None
        options = {"memory_format": memory_format} if memory_format is not None and tensor.dim() in (4, 5) else {}
        try:
            return tensor.to(device=device, dtype=wanted, non_blocking=non_blocking, **options)
        except NotImplementedError as error:
            if str(error) != "Cannot copy out of meta tensor; no data!":
                raise
            raise NotImplementedError(
                f"{error} Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving"
                " module from meta to a different device."
            ) from None

    return move


def _check_dtype(dtype):
    if not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
    if dtype.is_complex:
        warnings.warn(
            "Complex modules are a new feature under active development whose design may change, and some"
            " modules might not work as expected when using complex tensors as parameters or buffers."
            " Please file an issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml"
            " if a complex module does not work as expected.",
            stacklevel=4,
        )


def parse_to(args, kwargs):
    """(device, dtype, non_blocking, memory_format) from the arguments of `to`."""
    if len(args) > 4:
        raise TypeError(f"to() takes from 0 to 4 positional arguments but {len(args)} were given")
    names = _TO_SIGNATURES[_signature_of(args, kwargs)]
    given = dict(zip(names, args, strict=False))
    if len(args) > len(names) or given.keys() & kwargs.keys() or kwargs.keys() - {*names, "memory_format"}:
        raise _no_such_signature(args, kwargs)
    given |= kwargs
    device, dtype, tensor = given.get("device"), given.get("dtype"), given.get("tensor")
    dtype = OF_PYTHON.get(dtype, dtype) if isinstance(dtype, type) else dtype
    flags = [given.get(name, False) for name in ("non_blocking", "copy")]
    if (
        not isinstance(device, Device | str | int | None)
        or not isinstance(dtype, Dtype | None)
        or not isinstance(tensor, Tensor | None)
        or not all(isinstance(flag, bool) for flag in flags)
    ):
        raise _no_such_signature(args, kwargs)
    if flags[1]:
        raise RuntimeError(".to() does not accept copy argument")
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    return None if device is None else Device(device), dtype, flags[0], given.get("memory_format")


def _signature_of(args, kwargs):
    if "tensor" in kwargs or (args and isinstance(args[0], Tensor)):
        return Tensor
    return Dtype if args and isinstance(args[0], Dtype | type) else Device


def _no_such_signature(args, kwargs):
    named = [f"{name}={_type_shown(kwargs[name])}" for name in sorted(kwargs)]
    got = ", ".join([*map(_type_shown, args), *named]) + (", " if named and not args else "")
    options = "bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None"
    return TypeError(
        f"to() received an invalid combination of arguments - got ({got}), but expected one of:\n"
        f" * (torch.device device = None, torch.dtype dtype = None, {options})\n"
        f" * (torch.dtype dtype, {options})\n"
        f" * (Tensor tensor, {options})\n"
    )


def _type_shown(value):
    kind = type(value)
    if isinstance(value, Tensor) or not kind.__module__.startswith(("jtorch", "torch")):
        return kind.__name__
    return f"torch.{kind.__name__}"


def apply_to_own(module, fn):
    """Replace a module's own parameters, their gradients and its buffers by what `fn` returns for each."""
    for name, parameter in module._parameters.items():
        if is_lazy(parameter):
            parameter.relocate(fn)
        elif parameter is not None:
            _replace_parameter(module, name, parameter, fn)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = buffer.relocate(fn) if is_lazy(buffer) else fn(buffer)


def _replace_parameter(module, name, parameter, fn):
    grad = parameter.grad
    with no_grad():
        moved = fn(parameter)
        moved_grad = None if grad is None else fn(grad)
    if get_swap_module_params_on_conversion():
        kept = parameter
        _swap_moved(module, name, parameter, moved)
    elif get_overwrite_module_params_on_conversion():
        kept = module._parameters[name] = Parameter(moved, parameter.requires_grad)
    elif moved is parameter:
        kept = parameter
    elif moved.is_meta == parameter.is_meta:
        parameter.data = moved
        kept = parameter
    else:  # to or from "meta": a new object, as in PyTorch
        kept = module._parameters[name] = Parameter(moved, parameter.requires_grad)
    if moved_grad is None or moved_grad is grad:
        kept.grad = grad
    elif kept is parameter:
        grad.data = moved_grad  # the same object, for whoever holds the gradient
        kept.grad = grad
    else:
        kept.grad = moved_grad.requires_grad_(grad.requires_grad)


def _swap_moved(module, name, parameter, moved):
    """Let a parameter stay the same object with the content of a moved one."""
    grad, parameter.grad = parameter.grad, None
    try:
        swap_tensors(parameter, Parameter(moved, parameter.requires_grad))
    except Exception as error:
        parameter.grad = grad
        raise RuntimeError(f"_apply(): Couldn't swap {type(module).__name__}.{name}") from error
