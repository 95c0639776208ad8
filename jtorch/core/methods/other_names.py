"""Names of torch that are not functions of tensors: errors, the name of a type, the module of a device."""

from __future__ import annotations

import importlib

from jtorch.core.facts import accelerator, devices
from jtorch.core.tensor import Tensor


class OutOfMemoryError(RuntimeError):
    """A device has no memory left. Differs from torch: it is JAX's error, `jax.errors.JaxRuntimeError`, that is raised."""


class AcceleratorError(RuntimeError):
    """An accelerator failed. Differs from torch: it is JAX's error, `jax.errors.JaxRuntimeError`, that is raised."""


OutOfMemoryError.__module__ = AcceleratorError.__module__ = "torch"


def name_of_type(obj, /) -> str:
    """The name of a value's type, with its module; of a tensor the name of its old type.

    >>> torch.typename(torch.ones(2)), torch.typename(1)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None) or ""
    module = "torch" + module.removeprefix("jtorch") if module.partition(".")[0] == "jtorch" else module
    return named.__qualname__ if module in ("", "builtins") else f"{module}.{named.__qualname__}"


typename = name_of_type


def get_device_module(device=None):
    """The module of a kind of device: `torch.cuda` of "cuda"; without an argument that of the accelerator, or `torch.cpu`.

    Raises:
        RuntimeError: PyTorch has no module for the kind.
    """
    kind = devices.device(device).type if device is not None else getattr(accelerator(), "name", "cpu")
    try:
        return importlib.import_module(f"jtorch.{kind}")
    except ModuleNotFoundError:
        message = f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        raise RuntimeError(message) from None
